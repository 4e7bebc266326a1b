"""One message a problem: which posts and edits go to Slack, and when, in virtual time."""

from __future__ import annotations

import math
from collections import Counter

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet_wire.contract.incident import ChangeKind, Incident, Severity
from platform_probe.tell.messages.delivery import Failure, Trouble
from platform_probe.tell.messages.slack_calls import Call, Deleted, DisplayPart, NotThere, Verb
from platform_probe.tell.messages.slack_outbox import HISTORY_EVERY_S, LOOKED_AT_S
from tests.helpers.fake_clock import EPOCH_S
from tests.helpers.made_incidents import (
    acknowledged,
    closed,
    grown,
    joined,
    made_incident,
    muted,
    named,
    reopened,
    resolved,
    then,
    unnamed,
    worse,
)
from tests.helpers.virtual_slack import VirtualSlack, everything, parts_of

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


def test_worse_by_a_class_is_a_new_post() -> None:
    """Once for each class; growth is none."""
    first = made_incident()
    second = worse(grown(first))
    slack = told(first, second, grown(second), grown(grown(second)))
    assert slack.posts == [DisplayPart.MESSAGE, DisplayPart.WORSE]


def posted(*, for_s: float) -> tuple[VirtualSlack, Incident]:
    """Return a channel some time after it was told of an incident."""
    slack = VirtualSlack()
    slack.run(5)
    first = made_incident(at=now_of(slack))
    slack.tell(first)
    slack.run(for_s)
    return slack, first


def test_worse_within_seconds_is_an_edit() -> None:
    """Who was called looks at the message, which says so at once; the thread keeps it."""
    slack, first = posted(for_s=10)
    second = worse(first, after_s=10)
    slack.tell(second)
    slack.run(2)
    assert slack.taken[0].shows.severity is Severity.CRITICAL
    slack.run(HOUR_S)
    assert slack.posts == [DisplayPart.MESSAGE]
    assert [line for one in slack.taken for line in one.told] == ["it was worse"]
    slack.restart()
    slack.tell(grown(second))
    slack.run(HOUR_S)
    assert slack.posts == [DisplayPart.MESSAGE]


def test_a_cause_that_is_known_later_is_a_reply_that_the_channel_shows() -> None:
    """Edits call nobody. It comes once, with what else the thread does not have yet."""
    first = unnamed()
    second = named(grown(first))
    slack = told(first, second, grown(second), named(grown(second)))
    assert slack.posts == [DisplayPart.MESSAGE, DisplayPart.NAMED]
    assert slack.taken[1].told == [each.sentence for each in second.changes[1:]]


def test_a_cause_that_is_known_within_seconds_is_an_edit() -> None:
    """Who was called looks at the message; also after a restart nobody is called for it."""
    slack = VirtualSlack()
    slack.run(5)
    first = unnamed(at=now_of(slack))
    slack.tell(first)
    slack.run(10)
    second = named(first, after_s=10)
    slack.tell(second)
    slack.run(HOUR_S)
    slack.restart()
    slack.tell(grown(second))
    slack.run(HOUR_S)
    assert slack.posts == [DisplayPart.MESSAGE]
    assert slack.taken[0].shows.mode == second.mode


def test_a_cause_that_is_known_while_a_restart_is_under_way_is_told() -> None:
    """That it is owed is kept."""
    slack = told(unnamed())
    slack.restart()
    slack.tell(named(slack.incidents["inc-1"]))
    slack.run(HOUR_S)
    assert slack.posts == [DisplayPart.MESSAGE, DisplayPart.NAMED]


def test_a_joined_incident_has_no_recovery() -> None:
    """Its message and thread say with which it is one; the other one goes on and ends."""
    home, other = made_incident("inc-1"), made_incident("inc-2")
    slack = told(home, other)
    end = joined(other, home)
    slack.tell(end)
    slack.run(60)
    slack.tell(resolved(home))
    slack.run(60)
    assert parts_of(slack, "inc-2") == ["message", "history"]
    assert parts_of(slack, "inc-1") == ["message", "ended"]
    assert slack.taken[1].shows == end


def test_a_joined_incident_that_was_never_posted_is_not_posted() -> None:
    """It waited in a window, or Slack was away."""
    home, other = made_incident("inc-1"), made_incident("inc-2", maintenance="antennas")
    slack = told(home, other, joined(other, home))
    assert slack.posts == [DisplayPart.MESSAGE]
    slack = VirtualSlack()
    slack.answer = lambda _: Failure(Trouble.UNREACHABLE, "away")
    slack.tell(made_incident("inc-2"))
    slack.run(5)
    slack.tell(joined(made_incident("inc-2"), home))
    slack.answer = lambda _: None
    slack.run(HOUR_S)
    assert slack.posts == []


def test_what_was_withheld_and_is_no_longer_seen_waits_until_it_is() -> None:
    """The window is over, and so may this be."""
    first = made_incident(maintenance="antennas")
    unseen = then(first, ChangeKind.UNSEEN, ended_at=first.at)
    freed = then(unseen, ChangeKind.UNMUTED, maintenance=None)
    slack = told(first, unseen, freed)
    assert slack.posts == []
    slack.tell(then(freed, ChangeKind.SEEN_AGAIN, ended_at=None))
    slack.run(60)
    assert slack.posts == [DisplayPart.MESSAGE]
    slack = told(first, unseen, freed, resolved(freed))
    assert slack.posts == []


def test_worse_while_the_message_is_on_its_way_is_an_edit() -> None:
    """Its answer comes after the rise."""
    slack, first = posted(for_s=0.05)
    slack.tell(worse(first, after_s=0.05))
    slack.run(HOUR_S)
    assert slack.posts == [DisplayPart.MESSAGE]
    assert slack.taken[0].shows.severity is Severity.CRITICAL


def test_worse_that_no_edit_has_told_is_posted() -> None:
    """Slack takes no edit: the post comes half a minute after the message, not later."""
    slack, first = posted(for_s=10)
    slack.answer = lambda call: (
        Failure(Trouble.RATE, "ratelimited", 60.0) if call.verb is Verb.EDIT else None
    )
    slack.tell(worse(first, after_s=10))
    slack.run(60)
    assert slack.posts == [DisplayPart.MESSAGE, DisplayPart.WORSE]
    waited_s = slack.taken[1].at_s - slack.taken[0].at_s
    assert LOOKED_AT_S <= waited_s < LOOKED_AT_S + 1


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


def test_the_end_is_one_post_and_the_message_says_so() -> None:
    """With the last revision in both."""
    first = made_incident()
    last = resolved(first)
    slack = told(first, last, last)
    assert slack.posts == [DisplayPart.MESSAGE, DisplayPart.ENDED]
    assert slack.taken[0].shows == last


def test_what_comes_back_is_told_in_the_same_thread() -> None:
    """And its second end once more."""
    first = made_incident()
    over = resolved(first)
    back = reopened(over)
    slack = told(first, over, back, resolved(back))
    assert slack.posts == [
        DisplayPart.MESSAGE,
        DisplayPart.ENDED,
        DisplayPart.BACK,
        DisplayPart.ENDED,
    ]


def test_what_is_over_before_it_could_be_told_is_one_post() -> None:
    """Slack was away: nobody needs a message of an incident and one of its end."""
    slack = VirtualSlack()
    slack.answer = lambda _: Failure(Trouble.UNREACHABLE, "away")
    first = made_incident()
    slack.tell(first)
    slack.run(HOUR_S)
    slack.tell(resolved(first))
    slack.answer = lambda _: None
    slack.run(2 * HOUR_S)
    assert slack.posts == [DisplayPart.MESSAGE]
    assert slack.taken[0].shows.ended_at is not None


def test_what_is_over_before_it_could_be_told_is_told_after_a_restart() -> None:
    """Slack is away when an incident begins and ends, and the monitor is restarted meanwhile."""
    slack = VirtualSlack()
    slack.answer = lambda _: Failure(Trouble.UNREACHABLE, "away")
    first = made_incident()
    for revision in (first, resolved(first)):
        slack.tell(revision)
        slack.run(HOUR_S)
    slack.restart()
    slack.answer = lambda _: None
    slack.run(HOUR_S)
    assert slack.posts == [DisplayPart.MESSAGE]


def test_closed_by_a_person_is_no_recovery() -> None:
    """The message and the thread say who and why; if it comes back the channel hears of it."""
    first = made_incident()
    over = closed(first)
    slack = told(first, over)
    assert parts_of(slack, "inc-1") == ["message", "history"]
    assert slack.taken[0].shows == over
    slack.tell(reopened(over))
    slack.run()
    assert slack.posts == [DisplayPart.MESSAGE, DisplayPart.BACK]


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


def test_a_muted_incident_shows_it_and_is_silent_until_then() -> None:
    """One edit says so; what happened meanwhile comes afterwards."""
    slack = VirtualSlack()
    first = made_incident(at=now_of(slack))
    slack.tell(first)
    slack.run(10)
    quiet = muted(first, for_s=HOUR_S, after_s=10)
    slack.tell(quiet)
    slack.run(10)
    later = worse(grown(quiet))
    slack.tell(later)
    slack.run(HOUR_S / 2)
    assert parts_of(slack, "inc-1") == ["message", "history"]
    assert slack.taken[0].edits[0][1].muted_until == quiet.muted_until
    slack.run(HOUR_S)
    assert slack.posts == [DisplayPart.MESSAGE, DisplayPart.WORSE]
    assert any(
        "grew" in line or "failed by now" in line for one in slack.taken for line in one.told
    )


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


def test_what_people_do_in_quiet_is_told_in_the_thread_at_once() -> None:
    """Who muted it and who looks after it calls nobody; how it grows meanwhile waits."""
    slack = VirtualSlack()
    first = made_incident(at=now_of(slack))
    slack.tell(first)
    slack.run(10)
    quiet = muted(grown(first), for_s=HOUR_S)
    slack.tell(quiet)
    slack.run(3)
    in_thread = [one.told for one in slack.taken if one.part is DisplayPart.HISTORY]
    assert in_thread == [[each.sentence for each in quiet.changes[1:]]]
    slack.tell(acknowledged(grown(quiet)))
    slack.tell(grown(acknowledged(grown(quiet))))
    slack.run(60)
    assert [len(one.told) for one in slack.taken] == [0, 2, 2]
    assert slack.posts == [DisplayPart.MESSAGE]
    slack.run(2 * HOUR_S)
    assert [len(one.told) for one in slack.taken] == [0, 2, 2, 1]


def test_a_muted_incident_that_ends_says_so_in_its_message_alone() -> None:
    """Who muted it wants to hear no more."""
    slack = VirtualSlack()
    first = made_incident(at=now_of(slack))
    quiet = muted(first)
    last = resolved(quiet)
    for revision in (first, quiet, last):
        slack.tell(revision)
        slack.run(60)
    slack.run(2 * HOUR_S)
    assert slack.posts == [DisplayPart.MESSAGE]
    assert slack.taken[0].shows == last


def test_maintenance_is_silent_and_what_outlives_it_says_so() -> None:
    """The first message says why none came before."""
    first = made_incident(maintenance="new SIMs")
    after = then(first, ChangeKind.UNMUTED, maintenance=None)
    slack = told(first, grown(first))
    assert slack.posts == []
    slack.tell(msgspec.structs.replace(after, revision=9))
    slack.run()
    assert slack.posts == [DisplayPart.MESSAGE]
    assert slack.taken[0].withheld == "maintenance window 'new SIMs'"


def test_what_ends_within_maintenance_sends_nothing() -> None:
    """Nothing at all."""
    first = made_incident(maintenance="new SIMs")
    slack = told(first, resolved(first))
    slack.run(HOUR_S)
    assert slack.taken == []


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


def test_a_post_whose_answer_was_lost_is_found() -> None:
    """It is looked for before it is sent again."""
    slack = VirtualSlack()
    slack.answer = lambda call: "lost" if call.verb is Verb.POST and not slack.taken else None
    first = made_incident()
    slack.tell(first)
    slack.run(60)
    slack.tell(grown(first))
    slack.run(120)
    assert slack.posts == [DisplayPart.MESSAGE]
    assert slack.taken[0].shows == grown(first)


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


@pytest.mark.parametrize("arrives", [True, False])
def test_killed_within_a_post(arrives: bool) -> None:  # noqa: FBT001 - a parameter
    """Whether it arrived or not, there is one message after the restart."""
    slack = VirtualSlack()
    slack.run(5)
    slack.answer = lambda _: None if arrives else Failure(Trouble.UNREACHABLE, "")
    slack.tell(made_incident())
    slack.run(0.01)  # it is under way
    slack.answer = lambda _: None
    slack.restart()
    slack.run(60)
    assert slack.posts == [DisplayPart.MESSAGE]


def test_a_restart_says_nothing_again() -> None:
    """Whatever was told stays told: message, rise, history, end."""
    first = made_incident()
    second = worse(grown(first))
    slack = told(first, second, resolved(second))
    before = parts_of(slack, "inc-1")
    slack.restart()
    slack.run(HOUR_S)
    assert parts_of(slack, "inc-1") == before


def test_a_message_that_somebody_deleted_is_left_deleted() -> None:
    """It is not edited any more; a rise is told all the same."""
    slack = VirtualSlack()
    first = made_incident()
    slack.tell(first)
    slack.run(10)
    slack.answer = lambda call: Deleted() if call.verb is Verb.EDIT else None
    slack.tell(grown(first))
    slack.run(60)
    slack.tell(worse(grown(first)))
    slack.run(60)
    assert slack.posts == [DisplayPart.MESSAGE, DisplayPart.WORSE]


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


@pytest.mark.parametrize("jump_s", [-86_400.0, 86_400.0])
def test_a_clock_that_jumps_loses_nothing_and_repeats_nothing(jump_s: float) -> None:
    """Within an incident, and over a restart: one message with the latest numbers, and its end."""
    slack = VirtualSlack()
    incident = made_incident(at=now_of(slack))
    slack.tell(incident)
    slack.run(60)
    slack.jumped_s = jump_s
    incident = grown(incident, after_s=jump_s + 60)
    slack.tell(incident)
    slack.run(60)
    assert slack.taken[0].shows == incident
    slack.restart()
    slack.tell(worse(incident))
    slack.run(60)
    slack.tell(resolved(worse(incident)))
    slack.run(60)
    assert slack.posts == [DisplayPart.MESSAGE, DisplayPart.WORSE, DisplayPart.ENDED]
    assert slack.refused == 0
    assert slack.outbox.waiting(slack.s) == (0, 0.0)


def test_an_older_revision_changes_nothing() -> None:
    """Revisions may be told twice, after a restart of the monitor."""
    first = made_incident()
    slack = told(first, grown(first), first)
    assert slack.taken[0].shows == grown(first)


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
