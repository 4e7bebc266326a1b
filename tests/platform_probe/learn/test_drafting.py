"""First drafts: from what is heard of a fleet to a file that can be loaded."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.score.incidents import TWO_TOPICS
from fleet_wire.contract.messages import (
    Action,
    Command,
    Phase,
    Presence,
    PresenceStatus,
    Result,
    Telemetry,
    VehicleState,
    WireMessage,
)
from fleet_wire.contract.partial import UNNAMED
from fleet_wire.contract.topics import TopicKind
from fleet_wire.profiles.loading import NAMES, load_draft, load_profile
from fleet_wire.profiles.profile import Correlation, Profile, contents_of
from fleet_wire.profiles.samples import Reading, ReadSample, Sample, apply_profile, sample_of
from platform_probe.learn.draft_words import beginnings
from platform_probe.learn.drafting import draft_of
from tests.helpers.invented_wires import Wire, wires
from tests.helpers.messages import message_of
from tests.helpers.own_wires import OWN_WIRES
from tests.helpers.profile_files import profile_of

CARS = ("car-00001", "car-00002")


def recorded(profile: Profile) -> list[Sample]:
    """Return what is heard while two cars of a fleet are opened and locked."""
    samples = []
    for number, car in enumerate(CARS):
        for action in (Action.UNLOCK, Action.LOCK):
            unique = f"{number}c0ffee{action.value == 'lock':d}00000000"
            command_id = profile.command_id(car, unique, client_id="phone-1")
            command = Command(command_id, action, 1_700_000_000_000, 1_700_000_010_000, 1, "aa")
            said: list[tuple[TopicKind, WireMessage]] = [(TopicKind.COMMAND, command)]
            said += [(TopicKind.RESULT, Result(command_id, phase)) for phase in Phase]
            is_locked = action is Action.LOCK
            state = VehicleState(is_locked, False, 12.5, "1.2", "tcu", "op", "city")  # noqa: FBT003
            said += [(TopicKind.STATE, state), (TopicKind.TELEMETRY, Telemetry(-85.0, 12.5, 3.0))]
            said += [(TopicKind.PRESENCE, Presence(PresenceStatus.ONLINE, "s-1"))]
            for kind, message in said:
                for topic, payload, _, retain in profile.write(kind, car, message, command):
                    samples.append(sample_of(message_of(topic, payload, retain=retain)))
    return samples


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("saic", "aws-shadow")])
def test_a_fleet_that_is_heard_can_be_unlocked_by_its_draft(name: str) -> None:
    """The draft of what a known profile sends finds the command's topic, and reads its answers."""
    profile = load_profile(name)
    draft = profile_of(draft_of(recorded(profile), mqtt="5"))
    for command in ("command", "result"):
        kind = TopicKind(command)
        found = draft.filters((kind,))
        expected = [one for one in profile.filters((kind,)) if "events" not in one]
        assert [one.split("/")[-1] for one in found] == [one.split("/")[-1] for one in expected]
    assert Phase.EXECUTED in draft.traits.phases


def loaded(text: str) -> tuple[Profile, list[str]]:
    """Return a draft, and what is to be filled in."""
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "draft.yaml"
        file.write_text(text, "utf-8")
        return load_draft(str(file))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("two-topics", []),
        ("one-for-all", ["unlock"]),  # it says 1 and 2
        ("signed", []),
        ("nameless-311", []),
        ("one-topic", ["executed"]),  # it says no more than ack
    ],
)
def test_drafts_of_our_own_wires(name: str, words: list[str]) -> None:
    """Nothing is wrong with them, and only words that nobody could guess are to be filled in."""
    text = draft_of(recorded(profile_of(OWN_WIRES[name])), mqtt="5")
    _, gaps = loaded(text)
    assert [one.rpartition("for ")[2] for one in gaps] == [f"'{word}'" for word in words]


def said(draft: Profile, samples: Sequence[Sample]) -> list[ReadSample]:
    """Return what a draft makes of messages."""
    return list(apply_profile(draft, [("", one.as_message()) for one in samples]))


@given(wires())
def test_a_draft_reads_what_it_was_made_of(wire: Wire) -> None:
    """Levels in any order, ids and phases in topics or payloads, text or JSON, few or many cars.

    Each command and each answer is read as it was meant, and belongs to its car; where there are
    ids, an answer has the id of its command.
    """
    all_meant = list(wire.heard())
    draft = profile_of(draft_of([one.sample for one in all_meant], mqtt="5"))
    ids: dict[type, set[str]] = {Command: set(), Result: set()}
    for one in all_meant:
        message = one.sample.as_message()
        car, heard = next(contents_of(draft, message))
        assert car == one.car
        if isinstance(heard, Command | Result):
            ids[type(heard)].add(heard.command_id)
        if isinstance(one.said, Action):
            assert isinstance(heard, Command)
            assert heard.action is one.said
        elif one.said is not None:
            assert isinstance(heard, Result)
            assert heard.phase is one.said
    assert ids[Command] == ids[Result]
    assert (ids[Command] == {UNNAMED}) is (wire.id_at == "nowhere")


Answers = tuple[tuple[str, str], ...]
"""Phases of one command, each with its payload."""


def keycar(*odd: Answers) -> list[Sample]:
    """Return what is heard of a fleet with ids and phases in its topics, and of odd cars."""
    samples = [
        Sample(f"kc/acme/few-{car:05}/{word}", text, retain=car == 0)
        for car in range(12)
        for word, text in (("lock", "1"), ("door", "shut"), ("link", "UP"))
    ]
    for number in range(8):
        at, command_id = f"kc/acme/few-{number % 4:05}", f"{number:x}c0ffee0123456789"
        samples.append(Sample(f"{at}/order/{command_id}", ("OPEN", "SHUT")[number > 3]))
        samples += [Sample(f"{at}/reply/{command_id}/{word}", "") for word in ("seen", "done")]
        samples.append(Sample(f"{at}/lock", ("0", "1")[number > 3]))
    for number, answers in enumerate(odd):
        at, command_id = f"kc/acme/fake-{number:05}", f"{number:x}badcafe012345678"
        samples.append(Sample(f"{at}/order/{command_id}", "OPEN"))
        samples += [Sample(f"{at}/reply/{command_id}/{word}", text) for word, text in answers]
    return samples


@pytest.mark.parametrize(
    "odd",
    [
        (),
        ((("banana", ""),), (("limbo", ""),), (("hold", "queued"),)),
        (
            (("seen", ""), ("hold", "queued"), ("done", "")),
            (("hold", "queued"), ("nope", "HOT")),
            (("done", ""), ("hold", "late")),
            (("banana", ""),),
        ),
    ],
)
def test_words_in_topics_are_phases(odd: tuple[Answers, ...]) -> None:
    """However few cars say them, and whatever words stand beside them: they are no ids.

    The state of the lock, which the broker keeps, is no command either.
    """
    samples = keycar(*odd)
    text = draft_of(samples, mqtt="5")
    draft = profile_of(text)
    assert draft.filters((TopicKind.COMMAND,)) == ("kc/acme/+/order/+",)
    assert draft.filters((TopicKind.RESULT,)) == ("kc/acme/+/reply/+/+",)
    assert draft.traits.correlation is Correlation.FIELD
    assert "# Not understood:" not in text
    assert {one.reading for one in said(draft, samples)} == {Reading.READ}
    unknown = {word for one in odd for word, _ in one} - {"seen", "done", "nope"}
    assert all(f'"{word}"' in text.partition("# taken for refused: ")[2] for word in unknown)


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        (["DONE;1", "DONE;FAILED"], ["DONE;1", "DONE;FAILED"]),
        (["DONE;1", "DONE;1"], ["DONE;1"]),
        (["OK", "ERR;1", "ERR;2"], ["OK", "ERR;*"]),
    ],
)
def test_only_what_means_the_same_is_shortened(texts: list[str], found: list[str]) -> None:
    """A beginning must not say more than all that begins so."""
    assert beginnings("phase", texts) == found


known = st.sampled_from([
    "cmd", "order", "lock", "ack", "reply", "state", "door", "link", "telemetry", "event", "seen",
    "done", "OPEN", "banana", "car-00001", "car-00002", "alice", "c0ffee01", "17", "FILL_IN", "{x}",
])  # fmt: skip
payloads = (
    known
    | st.text(max_size=9)
    | st.dictionaries(
        st.sampled_from(["id", "op", "status", "locked", "vin", "type", "ts", "expires", "voltage"])
        | st.text(max_size=4),
        known | st.integers() | st.booleans() | st.none() | st.floats(0, 20) | st.text(max_size=4),
        max_size=5,
    )
)
anything = st.builds(
    Sample,
    st.lists(known | st.text(max_size=5), min_size=1, max_size=5).map("/".join),
    payloads,
    st.none(),
    st.none() | known,
    st.booleans(),
)


@given(st.lists(anything, min_size=1, max_size=15), st.sampled_from(["5", "3.1.1"]))
def test_a_draft_of_anything_can_be_loaded(samples: list[Sample], mqtt: str) -> None:
    """Whatever is heard: nothing is wrong with the draft but what is still to be filled in.

    And it reads what it was made of, or has nothing to do with it.
    """
    draft, gaps = loaded(draft_of(samples, mqtt=mqtt))
    readings = {one.reading for one in said(draft, samples)}
    assert Reading.UNREADABLE not in readings
    assert gaps or Reading.READ in readings


@pytest.mark.parametrize("payload", ["cbor", "msgpack"])
def test_a_draft_names_the_encoding(payload: str) -> None:
    """A payload that says itself what it is is read like JSON."""
    text = TWO_TOPICS.replace("  fields:", f"  payload: {payload}\n  fields:")
    draft = draft_of(recorded(profile_of(text)), mqtt="5")
    assert draft.count(f"payload: {payload}") == 2
    profile = profile_of(draft)
    assert profile.traits.actions >= {Action.UNLOCK, Action.LOCK}
    assert profile.traits.phases >= {Phase.EXECUTED}


def test_a_draft_says_what_it_needs_of_protobuf() -> None:
    """Only the fleet's descriptors say what its fields are called."""
    draft = draft_of(recorded(profile_of(OWN_WIRES["protobuf"])), mqtt="5")
    assert "Protobuf, it seems: a profile needs the fleet's descriptors for it" in draft


def test_a_draft_knows_a_shadow() -> None:
    """There is a profile for it, which nobody has to guess."""
    draft = draft_of(recorded(load_profile("aws-shadow")), mqtt="5")
    assert "a Device Shadow: begin with the profile aws-shadow for it" in draft
