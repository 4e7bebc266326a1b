"""What a message says, and that Slack takes it whatever stands in it."""

from __future__ import annotations

import re
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet_wire.contract.causes import Cause
from fleet_wire.contract.incident import Change, ChangeKind, Incident, IncidentKind, Severity
from fleet_wire.modes.catalogue import MODES
from platform_probe.tell.messages.slack_blocks import (
    Content,
    Surroundings,
    content_of,
    escaped,
    history,
    minute,
    moment,
)
from platform_probe.tell.messages.slack_calls import Call, DisplayPart, SlackThread, Verb
from tests.helpers.english import FRENCH
from tests.helpers.fake_clock import EPOCH_S
from tests.helpers.made_incidents import (
    acknowledged,
    joined,
    made_incident,
    muted,
    named,
    resolved,
    then,
    unnamed,
    worse,
)
from tests.helpers.slack_rules import (
    MAX_GOOD_TEXT,
    MAX_LETTERS,
    letters_of,
    mrkdwn_mistakes,
    mrkdwn_texts,
    problems_of_blocks,
)

AROUND = Surroundings(
    "monitor-1",
    "https://console.example",
    has_buttons=True,
    link_of=lambda channel, ts: f"https://fleet.slack.com/archives/{channel}/p{ts}",
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


def names(incident: Incident) -> list[str]:
    """Return the labels of the buttons."""
    blocks = content(incident).blocks or []
    actions = [block for block in blocks if block["type"] == "actions"]
    return [each["text"]["text"] for block in actions for each in block["elements"]]


def test_a_message_says_what_whom_how_sure_and_what_to_do() -> None:
    """Cohort against the rest, the cause with its probability, and the link to the console."""
    text = said(made_incident())
    assert "31 of 44 (70 %) unlocks fail in operator operator-b, region north" in text
    assert "elsewhere 12 of 900 (1.3 %); expected 2.0 %" in text
    assert "31 customers and 29 cars" in text
    assert "(93 % of its diagnoses say so)" in text
    assert "*Expected by chance:* once in more than 1000 months" in text
    assert "*How to check it:* `platform-probe " in text
    assert "*What to do now:*" in text
    assert "<https://console.example/incident/inc-1|Open in the console>" in text
    assert "<https://console.example/what-if/inc-1|What would help?>" in text
    assert f"<!date^{EPOCH_S - 60:.0f}^{{date_short_pretty}} {{time}}|" in text


def test_only_all_is_a_hundred_percent_and_chance_is_none() -> None:
    """As the console says it."""
    nearly = made_incident(failed=299, total=300, mode_probability=0.997, sure=0.574)
    assert "299 of 300 (99 %) unlocks fail" in said(nearly)
    assert "(99 % of its diagnoses say so)" in said(nearly)
    assert "*Expected by chance:* once in 1 month\n" in said(nearly)
    assert "(100 % of its diagnoses say so)" in said(made_incident(mode_probability=1.0))
    assert "*Expected by chance:* once in 5 months\n" in said(made_incident(sure=0.9))


def test_severity_is_a_word_too() -> None:
    """Nothing by colour alone."""
    assert "*Critical*, open" in said(made_incident(severity=Severity.CRITICAL))
    assert "*Notice*, open" in said(made_incident(severity=Severity.NOTICE))


def test_buttons_follow_what_was_done() -> None:
    """Who has it is shown in their place; a mute can be taken back; what is over has none."""
    first = made_incident()
    assert names(first) == ["Acknowledge", "Mute for 1 h"]
    assert names(acknowledged(first)) == ["Mute for 1 h"]
    assert names(muted(first)) == ["Acknowledge", "Unmute"]
    assert names(resolved(first)) == []
    assert "acknowledged by jo" in said(acknowledged(first))
    assert re.search(r"Muted until <[^>]+> by jo: fixed tonight\.", said(muted(first)))


def test_a_rise_and_an_end_link_back() -> None:
    """With what it was until now, and how long it lasted."""
    first = made_incident()
    rise = said(worse(first), DisplayPart.WORSE, severity=Severity.WARNING)
    assert "Worse, warning until now critical" in rise
    assert "it was worse" in rise
    end = said(resolved(first, after_s=3_540), DisplayPart.ENDED)
    assert "*Resolved* after 1 h 0 min" in end
    assert "31 of 44 (70 %) unlocks failed in" in end
    for text in (rise, end):
        assert "<https://fleet.slack.com/archives/C1/p1.0|The first message>" in text


def test_what_was_withheld_is_said() -> None:
    """Why there was no message until now."""
    text = said(made_incident(), withheld="maintenance window 'new SIMs'")
    assert "No message was sent until now: maintenance window 'new SIMs'." in text


def test_plain_text_says_the_same() -> None:
    """Where Slack does not take the blocks."""
    told = content(made_incident(), is_plain=True)
    assert told.blocks is None
    assert "31 of 44" in told.text


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
    assert "Call the mobile operator" in said(made_incident(mode=None))
    mode = MODES["regional_carrier_outage"]
    text = said(made_incident(mode=mode.slug))
    assert mode.title in text
    assert f"{mode.now} Who acts: the {mode.acts}." in text
    release = made_incident(mode="phone_side", cohort={"app_version": "4.0.2"})
    assert "Who acts: the app team. Withdraw the release" in said(release)


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


def test_what_may_be_over_says_since_when_nothing_was_seen() -> None:
    """In one line, with what customers may do; it is open all the same."""
    unseen = then(made_incident(), ChangeKind.UNSEEN, ended_at=EPOCH_S + 30.0)
    line = next(one for one in said(unseen).splitlines() if "Last seen" in one)
    standing = next(one for one in said(unseen).splitlines() if ", open" in one)
    assert " to " not in standing
    assert line == (
        f"*Last seen at {minute(EPOCH_S + 30.0)}:* it counts as over after 15 minutes without a"
        " sign of it."
    )
    assert "Ask customers to press unlock once more" in said(unseen)
    attack = msgspec.structs.replace(unseen, mode="attack_replay")
    assert "press unlock once more" not in said(attack)


def test_text_of_others_is_escaped_and_cut_whole() -> None:
    """No entity is cut in two, no line end gets through, nobody is called."""
    assert escaped("a < b & <!channel>\nc") == "a &lt; b &amp; &lt;!channel&gt; c"
    assert escaped("&" * 100, 12) == "&amp;&amp;…"


def test_a_joined_incident_links_to_the_one_that_it_is_one_with() -> None:
    """To its message, else to its page; it has no buttons, and no recovery."""
    home = made_incident("inc-2", title="Operator B: boxes offline")
    end = joined(made_incident(), home)
    where = SlackThread(incident_id="inc-1", channel="#unlocks", channel_id="C1", ts="1.0")
    there = SlackThread(incident_id="inc-2", channel="#unlocks", channel_id="C1", ts="2.0")
    for place, link in (
        (there, "https://fleet.slack.com/archives/C1/p2.0"),
        (None, "https://console.example/incident/inc-2"),
    ):
        told = content_of(
            Call(Verb.EDIT, DisplayPart.MESSAGE, where, end, "", "", home=place), AROUND
        )
        text = "\n".join([told.text, *mrkdwn_texts(told.blocks)])
        assert "this is part of another incident: Operator B: boxes offline" in text
        assert f"<{link}|inc-2>" in text
        assert "Resolved" not in text
        assert "actions" not in [block["type"] for block in told.blocks or []]


def test_a_cause_that_is_known_by_now_is_told_with_what_happened() -> None:
    """What it is, and what the thread does not have yet."""
    text = said(named(unnamed()), DisplayPart.NAMED)
    assert "*Its cause is known now:*" in text
    assert "*What it is:* " in text
    assert "now believed to be" in text


def test_the_counts_name_all_cohorts() -> None:
    """Of two that have nobody in common."""
    both = ({"operator": "a", "region": "south"}, {"operator": "b", "region": "north"})
    text = said(made_incident(cohort={}, cohorts=both))
    assert "unlocks fail in operator a, region south, and operator b, region north;" in text


def test_times_are_shown_in_the_readers_zone() -> None:
    """With UTC for clients that cannot."""
    assert moment(1_700_000_000) == (
        "<!date^1700000000^{date_short_pretty} {time_secs}|2023-11-14 22:13:20 UTC>"
    )


HOSTILE = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        ["<script>", "&" * 4_000, "<" * 4_000, "<!channel>", "*_~`|>", "é" * 4_000, ""]
    ),
)


@settings(max_examples=60, deadline=None)
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


def test_a_message_is_in_the_language_of_the_settings() -> None:
    """What to do and the buttons too; titles that an older monitor wrote stay as they are."""
    incident = made_incident()
    place = SlackThread(incident_id=incident.incident_id, channel="#unlocks", channel_id="C1")
    call = Call(Verb.POST, DisplayPart.MESSAGE, place, incident, "#unlocks", "", ())
    french = str(content_of(call, AROUND._replace(speaker=FRENCH)).blocks)
    assert "*À faire maintenant :*" in french
    assert "Prendre en charge" in french
    assert "What to do now" not in french
