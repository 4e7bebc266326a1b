"""What box, broker and platform say, as people say it."""

from __future__ import annotations

import pytest

from fleet_wire.contract.broker_log import BrokerEventKind
from fleet_wire.contract.messages import PresenceReason, Reason
from platform_probe.tell.support.plain_words import broker_in_words, reason_in_words
from platform_probe.web.console.sentences import language_told, translate


@pytest.mark.parametrize(
    "reason",
    [
        *Reason, *PresenceReason, "MQTT reason code 16", "MQTT reason code 135",
        "wrong_vehicle_state: ignition_on",
    ],
)  # fmt: skip
def test_a_reason_is_said_in_words_with_its_own_word_behind(reason: str) -> None:
    """In every language."""
    said = reason_in_words(reason)
    assert said.endswith(f" ({reason})")
    assert language_told("fr", said) == "fr"
    assert translate("fr", f"refuses: {said}") == f"refuse : {translate('fr', said)}"


def test_nobody_listening_is_no_refusal() -> None:
    """The broker has taken it, and knows no car for it."""
    assert reason_in_words("MQTT reason code 16").startswith("no car was listening")
    assert reason_in_words("MQTT reason code 135").startswith("the broker refused")
    assert reason_in_words("whatever else") == "whatever else"


@pytest.mark.parametrize("kind", BrokerEventKind)
def test_the_brokers_log_is_told_in_words(kind: BrokerEventKind) -> None:
    """In every language, and whatever another release has as its own word."""
    said = broker_in_words(kind)
    assert said.endswith(f" ({kind.replace('_', ' ')})")
    assert language_told("fr", said) == "fr"
    assert (
        translate("fr", f"says of the box: {said}") == f"dit du boîtier : {translate('fr', said)}"
    )
    assert broker_in_words("new_kind") == "new kind"
