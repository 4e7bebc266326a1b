"""One message a problem: which posts and edits go to Slack, and when, in virtual time."""

from __future__ import annotations

import math
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet_wire.contract.incident import ChangeKind, Incident, Severity
from platform_probe.tell.messages.delivery import Failure, Trouble
from platform_probe.tell.messages.slack_calls import Call, DisplayPart, NotThere, Verb
from platform_probe.tell.messages.slack_outbox import HISTORY_EVERY_S
from tests.helpers.fake_clock import EPOCH_S
from tests.helpers.made_incidents import (
    acknowledged,
    grown,
    made_incident,
    muted,
    named,
    reopened,
    resolved,
    then,
    unnamed,
    worse,
)
from tests.helpers.virtual_slack import VirtualSlack, everything

HOUR_S = 3_600.0


def told(*revisions: Incident, every_s: float = 60.0) -> VirtualSlack:
    """Return Slack after these revisions, one each minute."""
    slack = VirtualSlack()
    for revision in revisions:
        slack.tell(revision)
        slack.run(every_s)
    return slack


def now_of(slack: VirtualSlack) -> float:
    """Return the wall clock."""
    return slack.now.unix_s


def test_an_incident_is_one_message_that_is_edited() -> None:
    """It grows for an hour: one post, edits in place, and a thread with its history."""
    slack = VirtualSlack()
    incident = made_incident(at=now_of(slack))
    slack.tell(incident)
    for _ in range(60):
        slack.run(60)
        incident = grown(incident)
        slack.tell(incident)
    slack.run()
    assert slack.posts == [DisplayPart.MESSAGE]
    assert slack.taken[0].shows == incident
    told_in_thread = [line for one in slack.taken for line in one.told]
    assert told_in_thread == [each.sentence for each in incident.changes[1:]]
    assert slack.refused == 0


def test_the_first_post_goes_at_once() -> None:
    """Nothing waits before it, after the second that a restart may have to keep."""
    slack = VirtualSlack()
    slack.run(5)
    slack.tell(made_incident())
    call = slack.outbox.next(slack.now)
    assert call is not None
    assert (call.verb, call.part) == (Verb.POST, DisplayPart.MESSAGE)


@pytest.mark.parametrize("steps", [[Severity.CRITICAL], [Severity.WARNING, Severity.CRITICAL]])
def test_worse_by_two_classes_is_posted_at_once(steps: list[Severity]) -> None:
    """Who saw a notice may not have looked; in one step or in two."""
    slack = VirtualSlack()
    slack.run(5)
    incident = made_incident(at=now_of(slack), severity=Severity.NOTICE)
    slack.tell(incident)
    for severity in steps:
        slack.run(5)
        incident = then(incident, ChangeKind.WORSE, after_s=5, severity=severity)
        slack.tell(incident)
    slack.run(2)
    assert slack.posts == [DisplayPart.MESSAGE, DisplayPart.WORSE]


def test_acknowledged_is_shown_before_numbers_that_grow() -> None:
    """Of a hundred messages to edit the one whose button was pressed goes first."""
    slack = VirtualSlack()
    incidents = [made_incident(f"inc-{number}", at=now_of(slack)) for number in range(20)]
    for one in incidents:
        slack.tell(one)
    slack.run(60)
    for one in incidents:
        slack.tell(grown(one))
    slack.tell(acknowledged(incidents[-1]))
    before_s = slack.s
    slack.run(60)
    (shown_s,) = [
        one.edits[0][0] for one in slack.taken
        if one.part is DisplayPart.MESSAGE and one.incident.incident_id == "inc-19"
    ]  # fmt: skip
    assert shown_s - before_s < 2.0


def test_what_is_shown_when_a_mute_runs_out_is_not_muted() -> None:
    """The revision that says so comes seconds later: neither edit nor post waits for it."""
    slack = VirtualSlack()
    first = made_incident(at=now_of(slack))
    quiet = muted(first, for_s=HOUR_S)
    for revision in (first, quiet, grown(quiet)):
        slack.tell(revision)
        slack.run(60)
    withheld = muted(made_incident("inc-2", at=now_of(slack)), for_s=HOUR_S)
    slack.tell(withheld)
    slack.run(HOUR_S + 10)
    message, later = [one for one in slack.taken if one.part is DisplayPart.MESSAGE]
    assert quiet.muted_until is not None
    at_end = [shown for at_s, shown in message.edits if EPOCH_S + at_s >= quiet.muted_until]
    assert [one.muted_until for one in at_end] == [None]
    assert later.shows.muted_until is None


@pytest.mark.parametrize("first", [made_incident(), unnamed()])
def test_a_title_of_a_mute_comes_to_the_thread_after_it(first: Incident) -> None:
    """In the reply that names the cause, where one is owed, else in an entry of its own."""
    quiet = muted(first, for_s=HOUR_S)
    renamed = named(quiet)

    def times_told() -> int:
        lines = [line for one in slack.taken for line in one.told]
        return lines.count(renamed.changes[-1].sentence)

    slack = told(first, quiet, renamed)
    assert times_told() == 0
    slack.run(2 * HOUR_S)
    assert times_told() == 1


def test_new_incidents_go_before_everything_else() -> None:
    """The worst of them first."""
    slack = VirtualSlack()
    old = [made_incident(f"old-{number}") for number in range(10)]
    for one in old:
        slack.tell(one)
    slack.run(HISTORY_EVERY_S + 30)
    for one in old:
        slack.tell(worse(grown(one)))
    slack.tell(made_incident("mild", severity=Severity.NOTICE))
    slack.tell(made_incident("bad", severity=Severity.CRITICAL))
    begun = len(slack.taken)
    slack.run(30)
    assert [one.incident.incident_id for one in slack.taken[begun : begun + 2]] == ["bad", "mild"]


def test_edits_that_wait_melt_into_one() -> None:
    """A thousand revisions within a second are an edit or two."""
    slack = VirtualSlack()
    incident = made_incident()
    slack.tell(incident)
    slack.run(10)
    for _ in range(1_000):
        incident = grown(incident, after_s=0.001)
        slack.tell(incident)
    slack.run(120)
    assert len(slack.edits_s) <= 2
    assert slack.taken[0].shows == incident


def test_a_storm_of_incidents_breaks_no_limit() -> None:
    """Three hundred at once, in two channels, growing all the while: no 429."""
    slack = VirtualSlack(channels=everything)
    incidents = [made_incident(f"inc-{number}") for number in range(300)]
    for _ in range(5):
        for one in incidents:
            slack.tell(one)
        slack.run(60)
        incidents = [grown(one) for one in incidents]
    slack.run(2 * HOUR_S)
    assert slack.refused == 0
    assert Counter(one.part for one in slack.taken)[DisplayPart.MESSAGE] == 600


def test_a_channel_that_is_too_fast_waits_alone() -> None:
    """Slack asks one channel to wait for a minute: the other goes on."""
    slack = VirtualSlack(channels=everything)
    slack.answer = lambda call: (
        Failure(Trouble.RATE, "ratelimited", 60.0)
        if call.place.channel == "#support" and slack.s < 110
        else None
    )
    slack.run(5)
    for number in range(5):
        slack.tell(made_incident(f"inc-{number}"))
    slack.run(20)
    assert Counter(one.channel for one in slack.taken) == {"#unlocks": 5}
    slack.run(60)
    assert Counter(one.channel for one in slack.taken) == {"#unlocks": 5, "#support": 5}


@pytest.mark.parametrize("trouble", [Trouble.UNREACHABLE, Trouble.SERVER, Trouble.TOKEN])
def test_nothing_is_lost_when_slack_is_away_for_an_hour(trouble: Trouble) -> None:
    """Every incident and every end is told afterwards, once."""
    slack = VirtualSlack()
    slack.answer = lambda _: Failure(trouble, "away")
    incidents = [made_incident(f"inc-{number}") for number in range(20)]
    for one in incidents:
        slack.tell(one)
        slack.run(HOUR_S / 20)
    last = [grown(one) for one in incidents]
    for one in last:
        slack.tell(one)
    slack.answer = lambda _: None
    slack.run(600)
    assert Counter(slack.posts) == {DisplayPart.MESSAGE: 20}
    shown = {one.shows.incident_id: one.shows for one in slack.taken}
    assert shown == {one.incident_id: one for one in last}


def test_a_post_that_nobody_may_look_for_comes_twice_rather_than_never() -> None:
    """Without the scope to read the channel."""
    slack = VirtualSlack()

    def answer(call: Call) -> NotThere | str | None:
        if call.verb is Verb.FIND:
            return NotThere(is_certain=False)
        return "lost" if not slack.taken else None

    slack.answer = answer
    slack.tell(made_incident())
    slack.run(60)
    assert slack.posts == [DisplayPart.MESSAGE, DisplayPart.MESSAGE]


def test_blocks_that_slack_does_not_take_become_text() -> None:
    """And what it does not take as text either stops nothing else."""
    slack = VirtualSlack()
    slack.answer = lambda call: (
        Failure(Trouble.CONTENT, "invalid_blocks")
        if call.place.incident_id == "odd" or not call.place.is_plain
        else None
    )
    slack.tell(made_incident("odd"))
    slack.tell(made_incident("plain"))
    slack.run(60)
    assert [one.incident.incident_id for one in slack.taken] == ["plain"]
    assert slack.outbox.waiting(slack.s) == (0, 0.0)


def test_what_is_long_over_is_forgotten() -> None:
    """Unless something of it waits."""
    first = made_incident()
    slack = told(first, resolved(first))
    slack.run(HOUR_S)
    assert slack.outbox.forgets("inc-1")
    assert slack.kept == {}
    assert math.isinf(slack.outbox.next_s())
    slack.answer = lambda _: Failure(Trouble.UNREACHABLE, "")
    slack.tell(made_incident("inc-2"))
    assert not slack.outbox.forgets("inc-2")


def test_ten_thousand_at_once_are_taken_quickly() -> None:
    """Whatever finds incidents is not kept waiting; the first to go is the worst."""
    slack = VirtualSlack()
    slack.run(5)
    for number in range(10_000):
        bad = Severity.CRITICAL if number == 5_000 else Severity.NOTICE
        slack.tell(made_incident(f"inc-{number}", severity=bad))
    call = slack.outbox.next(slack.now)
    assert call is not None
    assert call.incident.incident_id == "inc-5000"
    assert slack.outbox.waiting(slack.s)[0] == 10_000


STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["new", "grow", "worse", "ack", "resolve", "reopen", "lose", "kill", "away"]
        ),
        st.integers(0, 3),
        st.sampled_from([0.3, 1.5, 40.0]),
    ),
    max_size=25,
)


@settings(max_examples=40, deadline=None)
@given(STEPS)
def test_whatever_happens_there_is_one_message(steps: list[tuple[str, int, float]]) -> None:
    """Answers get lost, the process is killed, Slack is away: one message, up to date, no 429."""
    slack = VirtualSlack()
    now: dict[str, Incident] = {}
    follow = {
        "grow": grown, "worse": worse, "ack": acknowledged, "resolve": resolved, "reopen": reopened,
    }  # fmt: skip
    for what, number, pause_s in steps:
        name = f"inc-{number}"
        slack.answer = lambda _: None
        if what == "kill":
            slack.restart()
        elif what == "lose":
            slack.answer = lambda _: "lost"
        elif what == "away":
            slack.answer = lambda _: Failure(Trouble.UNREACHABLE, "")
        elif what == "new":
            now.setdefault(name, made_incident(name, at=EPOCH_S))
            slack.tell(now[name])
        elif name in now:
            is_over = now[name].ended_at is not None
            if is_over is (what == "reopen"):
                now[name] = follow[what](now[name])
                slack.tell(now[name])
        slack.run(pause_s)
    slack.answer = lambda _: None
    slack.run(600)
    messages = [one for one in slack.taken if one.part is DisplayPart.MESSAGE]
    assert sorted(one.incident.incident_id for one in messages) == sorted(now)
    assert all(one.shows == now[one.incident.incident_id] for one in messages)
    assert slack.refused == 0
    assert slack.outbox.waiting(slack.s) == (0, 0.0)
