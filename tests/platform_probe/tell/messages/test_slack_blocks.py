"""What a message says, and that Slack takes it whatever stands in it."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from fleet_wire.contract.causes import Cause
from fleet_wire.contract.incident import Change, ChangeKind, Incident, IncidentKind
from fleet_wire.modes.catalogue import MODES
from platform_probe.tell.messages.slack_blocks import Content, content_of, history
from platform_probe.tell.messages.slack_calls import Call, DisplayPart, SlackThread, Verb
from tests.helpers.fake_clock import EPOCH_S
from tests.helpers.made_incidents import made_incident
from tests.helpers.slack_player import AROUND
from tests.helpers.slack_rules import (
    MAX_GOOD_TEXT,
    MAX_LETTERS,
    letters_of,
    mrkdwn_mistakes,
    mrkdwn_texts,
    problems_of_blocks,
)


def content(incident: Incident, part: DisplayPart = DisplayPart.MESSAGE, **place: Any) -> Content:
    """Return what is said of an incident."""
    where = SlackThread(
        incident_id=incident.incident_id, channel="#unlocks", channel_id="C1", ts="1.0", **place
    )
    verb = Verb.EDIT if part is DisplayPart.MESSAGE else Verb.POST
    return content_of(Call(verb, part, where, incident, "#unlocks", "", incident.changes), AROUND)


def said(incident: Incident, part: DisplayPart = DisplayPart.MESSAGE, **place: Any) -> str:
    """Return all that is said, in one text."""
    told = content(incident, part, **place)
    return "\n".join([told.text, *mrkdwn_texts(told.blocks)])


def test_every_kind_has_advice_and_counts() -> None:
    """Also where neither mode nor cause is known."""
    for kind in IncidentKind:
        text = said(made_incident(kind=kind, mode=None, cause=None, cohort={}))
        assert "*What to do now:*" in text
        assert "31 of 44" in text


def test_every_cause_has_advice() -> None:
    """Of whoever is at fault; a mode knows better, and says who acts."""
    for cause in Cause:
        assert "*What to do now:*" in said(made_incident(cause=cause, mode=None))
    mode = MODES["regional_carrier_outage"]
    text = said(made_incident(mode=mode.slug))
    assert mode.title in text
    assert f"{mode.now} Who acts: the {mode.acts}." in text


def test_long_histories_keep_their_end() -> None:
    """What happened last matters most."""
    changes = tuple(
        Change(at=EPOCH_S + n, kind=ChangeKind.GREW, sentence=f"entry {n} " + "x" * 80)
        for n in range(100)
    )
    text = history(changes, AROUND)
    assert len(text) <= 3_000
    assert "entry 99" in text
    assert "earlier entries: see the console" in text.splitlines()[0]


HOSTILE = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        ["<script>", "&" * 4_000, "<" * 4_000, "<!channel>", "*_~`|>", "é" * 4_000, ""]
    ),
)


@given(
    title=HOSTILE, name=HOSTILE, window=HOSTILE, reason=HOSTILE, mode=HOSTILE,
    part=st.sampled_from(DisplayPart), count=st.integers(0, 10**12), plain=st.booleans(),
)  # fmt: skip
def test_slack_takes_it_whatever_stands_in_it(
    title: str,
    name: str,
    window: str,
    reason: str,
    mode: str,
    part: DisplayPart,
    count: int,
    plain: bool,  # noqa: FBT001
) -> None:
    """Lengths, counts, forms and escapes hold for any title, name, window and reason."""
    incident = made_incident(
        title=title, cohort={name: window, "b": reason}, mode=mode or None, failed=count,
        total=count, maintenance=window or None, acknowledged_by=name or None, examples=(),
    )  # fmt: skip
    change = Change(at=EPOCH_S, kind=ChangeKind.GREW, sentence=title, by=name, reason=reason)
    incident = msgspec.structs.replace(incident, changes=(change,) * 100)
    told = content(incident, part, withheld=reason, is_plain=plain)
    assert 0 < len(told.text) <= MAX_GOOD_TEXT
    assert mrkdwn_mistakes(told.text) == []
    blocks = told.blocks or []
    assert problems_of_blocks(blocks) == []
    assert letters_of(blocks) <= MAX_LETTERS
    for text in mrkdwn_texts(blocks):
        assert mrkdwn_mistakes(text) == []
