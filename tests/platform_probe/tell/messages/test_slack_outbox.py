"""One message a problem: which posts and edits go to Slack, and when, in virtual time."""

from __future__ import annotations

import math
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from fleet_wire.contract.incident import Incident, Severity
from platform_probe.tell.messages.delivery import Failure, Trouble
from platform_probe.tell.messages.slack_calls import DisplayPart
from tests.helpers.fake_clock import EPOCH_S
from tests.helpers.made_incidents import STEPS, acknowledged, grown, made_incident, resolved
from tests.helpers.virtual_slack import VirtualSlack, everything

HOUR_S = 3_600.0


def test_acknowledged_is_shown_before_numbers_that_grow() -> None:
    """Of a hundred messages to edit the one whose button was pressed goes first."""
    slack = VirtualSlack()
    incidents = [made_incident(f"inc-{number}", at=slack.now.unix_s) for number in range(20)]
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


def test_a_storm_of_incidents_breaks_no_limit() -> None:
    """A hundred at once, in two channels, growing all the while: no 429."""
    slack = VirtualSlack(channels=everything)
    incidents = [made_incident(f"inc-{number}") for number in range(100)]
    for _ in range(5):
        for one in incidents:
            slack.tell(one)
        slack.run(60)
        incidents = [grown(one) for one in incidents]
    slack.run(2 * HOUR_S)
    assert slack.refused == 0
    assert Counter(one.part for one in slack.taken)[DisplayPart.MESSAGE] == 200


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


def test_what_is_long_over_is_forgotten() -> None:
    """Unless something of it waits."""
    slack, first = VirtualSlack(), made_incident()
    for revision in (first, resolved(first)):
        slack.tell(revision)
        slack.run(60.0)
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


DEEDS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "new",
                "grown",
                "worse",
                "acknowledged",
                "resolved",
                "reopened",
                "lose",
                "kill",
                "away",
            ]
        ),
        st.integers(0, 3),
        st.sampled_from([0.3, 1.5, 40.0]),
    ),
    max_size=25,
)


@given(DEEDS)
def test_whatever_happens_there_is_one_message(steps: list[tuple[str, int, float]]) -> None:
    """Answers get lost, the process is killed, Slack is away: one message, up to date, no 429."""
    slack = VirtualSlack()
    now: dict[str, Incident] = {}
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
            if is_over is (what == "reopened"):
                now[name] = STEPS[what](now[name])
                slack.tell(now[name])
        slack.run(pause_s)
    slack.answer = lambda _: None
    slack.run(600)
    messages = [one for one in slack.taken if one.part is DisplayPart.MESSAGE]
    assert sorted(one.incident.incident_id for one in messages) == sorted(now)
    assert all(one.shows == now[one.incident.incident_id] for one in messages)
    assert slack.refused == 0
    assert slack.outbox.waiting(slack.s) == (0, 0.0)
