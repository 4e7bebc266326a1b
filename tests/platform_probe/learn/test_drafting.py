"""First drafts: from what is heard of a fleet to a file that can be loaded."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.score.incidents import TWO_TOPICS
from fleet_wire.contract.messages import (
    Action,
    Command,
    Phase,
    Presence,
    PresenceReason,
    PresenceStatus,
    Reason,
    Result,
    Telemetry,
    VehicleState,
    WireMessage,
)
from fleet_wire.contract.partial import UNNAMED, PartialState
from fleet_wire.contract.topics import TopicKind
from fleet_wire.errors import ConfigError
from fleet_wire.profiles.loading import NAMES, load_draft, load_profile
from fleet_wire.profiles.profile import Correlation, Profile, contents_of
from fleet_wire.profiles.samples import Reading, ReadSample, Sample, apply_profile, sample_of
from platform_probe.learn.draft_words import beginnings
from platform_probe.learn.drafting import draft_of
from tests.helpers.invented_wires import Wire, wires
from tests.helpers.messages import message_of
from tests.helpers.own_wires import OWN_WIRES
from tests.helpers.profile_files import heard, profile_of

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


def test_the_draft_of_a_fleet_with_its_own_words() -> None:
    """Levels, pointers, words, units and the one thing that nobody could guess."""
    samples = []
    for vin in ("WVWZZZ1JZXW000001", "WVWZZZ1JZXW000002"):
        for number, status in enumerate(("OK", "ERROR")):
            cmd = {"id": f"{vin[-1]}{number}", "op": "OPEN", "ts": 1_700_000_000}
            samples.append(Sample(f"v1/{vin}/cmd", cmd))
            samples.append(Sample(f"v1/{vin}/ack", {"id": cmd["id"], "status": status}))
        samples.append(Sample(f"v1/{vin}/state", {"locked": False, "bat": {"voltage": 12.4}}))
        samples.append(Sample(f"v1/{vin}/mystery", "42"))
    text = draft_of(samples, mqtt="5")
    draft = profile_of(text)
    command = heard(draft, "v1/car-1/cmd", b'{"id":"c1","op":"OPEN","ts":1700000000}')
    assert isinstance(command, Command)
    assert (command.action, command.issued_at_ms) == (Action.UNLOCK, 1_700_000_000_000)
    assert heard(draft, "v1/car-1/ack", b'{"id":"c1","status":"OK"}') == Result(
        "c1", Phase.EXECUTED
    )
    state = heard(draft, "v1/car-1/state", b'{"locked":true,"bat":{"voltage":12}}')
    assert state == PartialState(is_locked=True, voltage_v=12.0)
    assert '"v1/{vehicle_id}/mystery"' in text.partition("# Not understood:")[2]


def test_a_name_without_a_digit_can_be_told() -> None:
    """`--vehicle` says which level is a car; without it a lone word is no id."""
    samples = [
        Sample("fleet/alice/cmd", {"id": "a1b2c3d4", "cmd": "unlock"}),
        Sample("fleet/alice/result", {"id": "a1b2c3d4", "status": "done"}),
    ]
    text = draft_of(samples, mqtt="5")
    assert text.count("nothing looks like the id of a car (--vehicle names one)") == len(samples)
    draft = profile_of(draft_of(samples, mqtt="5", vehicles=["alice"]))
    assert draft.filters((TopicKind.COMMAND,)) == ("fleet/+/cmd",)


def test_names_without_digits_are_cars_where_there_are_some() -> None:
    """Three of them, with all else alike; and what is there beside them is none."""
    samples = [
        Sample(f"fleet/{car}/{word}", payload)
        for car in ("car-anna", "car-bert", "car-carla")
        for word, payload in (("cmd", "open"), ("ack", "ok"), ("state/door", "open"))
    ]
    draft = profile_of(draft_of(samples, mqtt="5"))
    assert draft.filters([*TopicKind]) == ("fleet/+/cmd", "fleet/+/ack", "fleet/+/state/door")


def test_words_in_topics_say_what_is_asked_and_who_is_there() -> None:
    """Also where nothing around says that these are commands, answers or presence."""
    words = ("in/open", "in/close", "out/got", "out/done", "out/no", "connected/yes", "online/lost")
    samples = [
        Sample(f"cars/car-{car:05}/{word}", {"n": f"{car}c0ffee{number}"})
        for car in range(3)
        for number in range(2)
        for word in words
    ]
    draft = profile_of(draft_of(samples, mqtt="5"))
    assert draft.filters((TopicKind.COMMAND, TopicKind.RESULT)) == ("cars/+/in/+", "cars/+/out/+")
    assert draft.traits.correlation is Correlation.FIELD
    texts = [one.text for one in said(draft, samples)[: len(words)]]
    assert texts[0] == "command of car-00000: command_id 0c0ffee0, action unlock"
    assert texts[3] == "result of car-00000: command_id 0c0ffee0, phase executed"
    assert texts[6] == "presence of car-00000: status offline, session_id -"


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


def test_what_is_missing_is_said() -> None:
    """Without a command there is no profile: the draft has a line for it, which loading names."""
    text = draft_of([Sample("v1/car-00001/state", {"locked": True})], mqtt="5")
    assert "# nothing was heard that looks like one" in text
    with pytest.raises(ConfigError) as error:
        profile_of(text)
    lines = [text.splitlines()[int(one.split(":")[1]) - 1] for one in error.value.problems]
    assert len(lines) == 4
    assert all("FILL_IN" in line for line in lines)


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


def test_the_other_of_two_words_is_expected() -> None:
    """A door that nobody opened, and a box that was never away, will be heard of."""
    text = draft_of(keycar(), mqtt="5")
    assert 'is_open: { at: text, values: { "shut": false, "open": true } }' in text
    assert 'values: { "UP": online, "DOWN": offline }' in text
    assert '# not heard, but likely: "DOWN"' in text


def test_what_is_kept_is_no_command() -> None:
    """A broker that keeps a command would open the car again for whoever comes."""
    samples = [
        Sample("v1/car-00001/cmd", {"id": "c0ffee01", "op": "OPEN"}, retain=True),
        Sample("v1/car-00001/ack", {"id": "c0ffee01", "status": "OK"}),
    ]
    text = draft_of(samples, mqtt="5")
    assert text.endswith(": retained, and a command never is\n")
    assert "FILL_IN/{vehicle_id}/command" in text


def test_commands_may_be_named_by_correlation_data() -> None:
    """MQTT 5 has a place of its own for it, 3.1.1 has not."""
    samples = [
        one
        for number in range(4)
        for one in (
            Sample("v1/car-00001/cmd", "OPEN", correlation_data=f"{number}"),
            Sample("v1/car-00001/ack", "OK", correlation_data=f"{number}"),
        )
    ]
    draft = profile_of(draft_of(samples, mqtt="5"))
    assert draft.traits.correlation is Correlation.CORRELATION_DATA
    assert said(draft, samples)[1].text == "result of car-00001: command_id 0, phase executed"
    old = profile_of(draft_of(samples, mqtt="3.1.1"))
    assert old.traits.correlation is Correlation.ONLY_OPEN


def test_correlation_data_is_seen_where_no_word_tells_a_command() -> None:
    """What commands and answers share is no guess, whatever the fleet says in them."""
    samples = []
    for number in range(4):
        samples += [
            Sample("v1/car-00001/ask", "U", correlation_data=f"{number}"),
            Sample("v1/car-00001/ack", "OK", correlation_data=f"{number}"),
        ]
    assert "correlation: correlation_data\n" in draft_of(samples, mqtt="5")


def test_a_command_is_told_by_words_that_are_written_as_one() -> None:
    """`DoorUnlock` asks to unlock, and `rpc/req` is where one asks."""
    samples = []
    for number, name in enumerate(("DoorUnlock", "DoorLock", "DoorUnlock")):
        request = {"head": {"typ": name, "id": f"c0ffee{number}"}}
        samples.append(Sample("x/car-00001/rpc/req", request))
        samples.append(Sample("x/car-00001/rpc/res", {"id": f"c0ffee{number}", "txt": "OK"}))
    text = draft_of(samples, mqtt="5")
    assert 'action: { at: "/head/typ", values: { "DoorUnlock": unlock, "DoorLock": lock }' in text
    command = heard(profile_of(text), "x/car-1/rpc/req", b'{"head":{"typ":"DoorLock","id":"c"}}')
    assert isinstance(command, Command)
    assert command.action is Action.LOCK


def test_answers_that_begin_alike_are_one_word() -> None:
    """A time behind it, in whatever many answers, makes none that is new."""
    samples = []
    for number in range(30):
        topic = f"v1/car-0000{number % 3}/rsp/c0ffee{number:02d}"
        end = ("DONE", "ERR;DOORAJAR", "LOST")[number % 3]
        samples += [Sample(topic, f"{one};{1_795_813_434 + number}") for one in ("RCV", end)]
    text = draft_of(samples, mqtt="5")
    values = '{ "RCV;*": received, "DONE;*": executed, "ERR;*": refused }'
    assert f"phase: {{ at: text, values: {values}, otherwise: refused }}" in text
    assert '# taken for refused: "LOST;*"\n' in text


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


def test_an_id_that_commands_lack_is_none() -> None:
    """Answers that number themselves name no command; no box could send such topics."""
    samples = [Sample("v1/car-00001/cmd", "OPEN"), Sample("v1/car-00002/cmd", "SHUT")]
    samples += [Sample(f"v1/car-0000{1 + at % 2}/ack/{77 + at}", "OK") for at in range(4)]
    text = draft_of(samples, mqtt="5")
    draft = profile_of(text)
    assert draft.traits.correlation is Correlation.ONLY_OPEN
    assert 'topic: "v1/{vehicle_id}/ack/+"' in text
    assert {one.reading for one in said(draft, samples)} == {Reading.READ}


def test_numbers_within_a_car_are_ids_of_the_car() -> None:
    """Two cars whose commands begin at 1 do not answer each other's."""
    samples = [
        one
        for car in ("car-00001", "car-00002")
        for number in (1, 2)
        for one in (
            Sample(f"v1/{car}/cmd", {"id": number, "op": "OPEN"}),
            Sample(f"v1/{car}/ack", {"id": number, "status": "OK"}),
        )
    ]
    text = draft_of(samples, mqtt="5")
    assert "ids: car # cars were heard with the same id" in text
    assert 'command_id: { at: "/id", number: true }' in text
    assert said(profile_of(text), samples)[0].text.startswith(
        "command of car-00001: command_id car-00001/1, "
    )


def test_a_broken_message_among_many_spoils_no_topic() -> None:
    """It is told, and left to be found unreadable."""
    samples = [
        Sample("v1/car-00001/cmd", {"id": f"c0ffee{number:02}", "op": "OPEN"})
        for number in range(20)
    ]
    samples += [Sample("v1/car-00001/ack", {"id": "c0ffee01", "status": "OK"})]
    broken = Sample("v1/car-00001/cmd", "{huh")
    text = draft_of([*samples, broken], mqtt="5")
    assert "# 1 of 21 messages cannot be read: b'{huh'" in text
    draft = profile_of(text)
    assert {one.reading for one in said(draft, samples)} == {Reading.READ}
    assert said(draft, [broken])[0].reading is Reading.UNREADABLE


def test_a_field_that_cannot_be_read_is_left_out() -> None:
    """With the reason why; without a field, the topic is not understood for it."""
    samples = [
        Sample("v1/car-00001/state", {"locked": True, "door": "ajar", "voltage": "12.4"}),
        Sample("v1/car-00001/door", "ajar"),
    ]
    text = draft_of(samples, mqtt="5")
    assert "# left out, is_open: 'ajar' is not among its values" in text
    assert 'voltage_v: "/voltage"' in text
    assert "\"v1/{vehicle_id}/door\"  b'ajar': is_open: 'ajar' is not among its values" in text


known = st.sampled_from(
    [
        "cmd",
        "order",
        "lock",
        "ack",
        "reply",
        "state",
        "door",
        "link",
        "telemetry",
        "event",
        "seen",
        "done",
        "OPEN",
        "banana",
        "car-00001",
        "car-00002",
        "alice",
        "c0ffee01",
        "17",
        "FILL_IN",
        "{x}",
    ]
)
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


IDS: tuple[str, ...] = ("7f3a9c01", "7f3a9c02")


OK: dict[str, object] = {"status": "OK"}


def terse(**state: object) -> list[Sample]:
    """Return what is heard of two cars whose fields have short names: one opens, one refuses."""
    samples = [Sample("v1/car-00001/state", {"locked": True, "fw": "1.2", **state}, retain=True)]
    for number, command_id in enumerate(IDS):
        car = f"v1/car-0000{number + 1}"
        samples.append(Sample(f"{car}/cmd", {"id": command_id, "op": "OPEN"}))
        answer: dict[str, object] = {"id": command_id, "ok": not number}
        if number:
            answer["err"] = "LOW_BATT"
        samples.append(Sample(f"{car}/ack", answer))
        opened = {"locked": bool(number), "fw": "1.2", **state}
        samples.append(Sample(f"{car}/state", opened | ({} if number else {"by": command_id})))
    return samples


def test_short_names_are_found_where_they_were_heard() -> None:
    """The error, who moved the lock, the voltage, the operator, the region and the site."""
    samples = terse(u=12.4, sim="operator-a", area="north", lot="garage 3")
    draft = profile_of(draft_of(samples, mqtt="5"))
    refused = heard(draft, "v1/car-1/ack", b'{"id":"c","ok":false,"err":"LOW_BATT"}')
    assert isinstance(refused, Result)
    assert (refused.phase, refused.reason) == (Phase.REFUSED, Reason.LOW_VOLTAGE)
    state = heard(
        draft, "v1/car-1/state",
        b'{"locked":false,"fw":"1","u":12,"sim":"b","area":"south","lot":"x","by":"c9"}',
    )  # fmt: skip
    assert state == PartialState(
        is_locked=False, voltage_v=12.0, firmware="1", operator="b", region="south", site="x",
        last_command_id="c9",
    )  # fmt: skip


def test_a_name_is_not_believed_against_its_values() -> None:
    """A drive's battery has hundreds of volts, and an operator's name is no number of a SIM."""
    text = draft_of(terse(voltage=390, u=12_400, sim="8949020000012345678"), mqtt="5")
    draft = profile_of(text)
    state = heard(draft, "v1/car-1/state", b'{"locked":true,"voltage":391,"u":12000,"sim":"894"}')
    assert state == PartialState(is_locked=True, voltage_v=12.0)
    assert "left out, operator: 8949020000012345678 is the number of a SIM card" in text


@pytest.mark.parametrize(
    ("refusal", "reason"),
    [
        ({"status": "ERROR"}, Reason.FAILED),
        ({"status": "BUSY"}, Reason.BUSY),
        ({"status": "ERROR", "error": {"code": "BUSY"}}, Reason.BUSY),
        ({"status": "ERROR", "why": "no idea"}, Reason.FAILED),
    ],
)
def test_a_refusal_always_has_a_reason(refusal: dict[str, object], reason: Reason) -> None:
    """Its own, be it in its word or in what lies around it; else that it does not say why."""
    samples = []
    for number, said in enumerate((OK, refusal)):
        command_id = IDS[number]
        samples.append(Sample("v1/car-00001/cmd", {"id": command_id, "op": "OPEN"}))
        samples.append(Sample("v1/car-00001/ack", {"id": command_id, **said}))
    draft = profile_of(draft_of(samples, mqtt="5"))
    refused = heard(draft, "v1/car-1/ack", msgspec.json.encode({"id": "c", **refusal}))
    assert isinstance(refused, Result)
    assert (refused.phase, refused.reason) == (Phase.REFUSED, reason)


def test_a_draft_says_that_it_heard_no_reason() -> None:
    """So whoever reads it asks what the fleet says where it refuses."""
    samples = [
        Sample("v1/car-00001/cmd", {"id": IDS[0], "op": "OPEN"}),
        Sample("v1/car-00001/ack", {"id": IDS[0], "status": "OK"}),
    ]
    text = draft_of(samples, mqtt="5")
    assert "# no reason was heard: each refusal counts as one that does not say why" in text
    assert "reason: { value: failed }" in text


def test_topics_of_one_value_are_states() -> None:
    """They are called like what they hold."""
    samples = terse()
    samples += [
        Sample(f"v1/car-0000{car}/{word}", text, retain=True)
        for car in (1, 2)
        for word, text in (("operator", "operator-a"), ("region", "north"), ("volts", "12.4"))
    ]
    draft = profile_of(draft_of(samples, mqtt="5"))
    assert heard(draft, "v1/car-1/operator", b"b") == PartialState(operator="b")
    assert heard(draft, "v1/car-1/region", b"south") == PartialState(region="south")
    assert heard(draft, "v1/car-1/volts", b"11.9") == PartialState(voltage_v=11.9)


def test_the_reason_of_presence_is_found() -> None:
    """Without it a car that sleeps looks like one that lost its connection."""
    samples = terse()
    for status, why in (("online", None), ("offline", "lwt"), ("offline", "sleeping")):
        more = {} if why is None else {"reason": why}
        samples.append(Sample("v1/car-00001/presence", {"status": status, **more}, retain=True))
    draft = profile_of(draft_of(samples, mqtt="5"))
    slept = heard(draft, "v1/car-1/presence", b'{"status":"offline","reason":"sleeping"}')
    assert slept == Presence(PresenceStatus.OFFLINE, "-", PresenceReason.SLEEP)


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
