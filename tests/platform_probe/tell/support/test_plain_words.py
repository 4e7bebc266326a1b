"""What box, broker and platform say, as people say it."""

from __future__ import annotations

import pytest

from fleet_wire.contract.broker_log import BrokerEventKind
from fleet_wire.contract.messages import PresenceReason, Reason
from fleet_wire.contract.platform_log import PlatformStep
from platform_probe.tell.support.plain_words import broker_text, reason_text
from platform_probe.tell.support.timeline import _event
from tests.helpers.english import ENGLISH, FRENCH


@pytest.mark.parametrize(
    "reason",
    [
        *Reason, *PresenceReason, "MQTT reason code 16", "MQTT reason code 135",
        "wrong_vehicle_state: ignition_on",
    ],
)  # fmt: skip
def test_a_reason_is_said_in_words_with_its_own_word_behind(reason: str) -> None:
    """In every language."""
    said, french = ENGLISH.say(reason_text(reason)), FRENCH.say(reason_text(reason))
    assert said.endswith(f" ({reason})")
    assert french.endswith(f" ({reason})")
    assert french != said


def test_nobody_listening_is_no_refusal() -> None:
    """The broker has taken it, and knows no car for it."""
    assert ENGLISH.say(reason_text("MQTT reason code 16")).startswith("no car was listening")
    assert ENGLISH.say(reason_text("MQTT reason code 135")).startswith("the broker refused")
    assert ENGLISH.say(reason_text("whatever else")) == "whatever else"


@pytest.mark.parametrize("kind", BrokerEventKind)
def test_the_brokers_log_is_told_in_words(kind: BrokerEventKind) -> None:
    """In every language, and whatever another release has as its own word."""
    said, french = ENGLISH.say(broker_text(kind)), FRENCH.say(broker_text(kind))
    assert said.endswith(f" ({kind.replace('_', ' ')})")
    assert french != said
    assert ENGLISH.say(broker_text("new_kind")) == "new kind"


@pytest.mark.parametrize("step", PlatformStep)
def test_each_step_has_words_of_its_own(step: PlatformStep) -> None:
    """None is told by its name."""
    event = {"event": step, "operation": "unlock", "reason": None, "status": None, "problem": None}
    _, what = _event({**event, "outcome": "executed", "shown": None, "app_version": None}, None)
    assert not ENGLISH.say(what).startswith(f"{step}:")
