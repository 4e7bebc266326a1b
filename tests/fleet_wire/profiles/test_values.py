"""Pointers into messages, properties of commands, and what a draft notes of values."""

from __future__ import annotations

from bench.score.incidents import TWO_TOPICS
from fleet_wire.contract.messages import Action, Command
from fleet_wire.contract.topics import TopicKind
from fleet_wire.profiles.pointers import at, tokens_of
from fleet_wire.profiles.samples import Sample
from platform_probe.learn.drafting import draft_of
from tests.helpers.own_wires import ONE_FOR_ALL
from tests.helpers.profile_files import profile_of


def test_a_pointer_into_a_list_stays_in_it() -> None:
    """RFC 6901: by index; what is not there is nothing."""
    assert tokens_of("/a~1b/~01") == ("a/b", "~1")
    assert [at([1, 2], (index,)) for index in ("0", "1", "2", "x", "9999999")] == [
        1, 2, None, None, None,
    ]  # fmt: skip


def test_a_command_asks_for_its_answer() -> None:
    """By MQTT 5's properties, where the file has the answer belong by Correlation Data."""
    profile = profile_of(ONE_FOR_ALL)
    command = Command("c1", Action.UNLOCK, 0, 1, 0, "")
    properties = profile.properties("car-1", command, life_s=7, user_properties=())
    assert properties.response_topic == "fleet/answers"
    assert (properties.correlation_data, properties.expiry_s) == (b"c1", 7)
    properties = profile_of(TWO_TOPICS).properties("car-1", command, life_s=7, user_properties=())
    assert (properties.response_topic, properties.correlation_data) == (None, None)


def test_a_draft_notes_times_and_what_is_retained() -> None:
    """ISO 8601 by its form; one retained message is enough."""
    cars = ("alpha", "beta")
    samples = [
        Sample(f"v1/{car}/cmd", {"id": f"k{number}", "op": "unlock", "expires": "2026-01-01T00:00"})
        for number, car in enumerate(cars)
    ]
    samples += [Sample(f"v1/{car}/ack", {"id": "k1", "status": "OK"}) for car in cars]
    samples += [Sample("v1/alpha/door", {"locked": True}, retain=True)]
    samples += [Sample("v1/beta/door", {"locked": True})]
    text = draft_of(samples, mqtt="5", vehicles=cars)
    assert 'expires_at: { at: "/expires", unit: iso }' in text
    assert text.count("retain: true") == 1
    assert profile_of(text).filters((TopicKind.COMMAND,)) == ("v1/+/cmd",)
