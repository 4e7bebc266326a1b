"""Everyday words for the codes of box, broker and platform.

The code itself follows in brackets: an engineer who is asked knows it.
"""

from __future__ import annotations

import re
from typing import Final

from fleet_wire.contract.text import Text
from fleet_wire.links.link import NO_MATCHING_SUBSCRIBERS
from platform_probe.texts.catalogue import as_is, has_text

_MQTT: Final = re.compile(r"MQTT reason code (\d+)")


def reason_text(reason: str) -> Text:
    """Return the reason of a refusal, or why a box went offline, with the word that was said.

    A box may say more behind it: "wrong_vehicle_state: ignition_on".
    """
    code = _MQTT.fullmatch(reason)
    if code is None:
        key = f"reason.{reason.partition(': ')[0]}"
    else:
        is_unheard = int(code[1]) == NO_MATCHING_SUBSCRIBERS
        key = "seen.no_subscriber" if is_unheard else "seen.broker_denied"
    return with_word(Text(key=key), reason) if has_text(key) else as_is(reason)


def broker_text(kind: str) -> Text:
    """Return what the broker's log says of a client, by its kind."""
    key, word = f"broker.{kind}", kind.replace("_", " ")
    return with_word(Text(key=key), word) if has_text(key) else as_is(word)


def with_word(what: Text, word: str) -> Text:
    """Return a sentence with somebody's own word for it in brackets."""
    return Text(key="seen.with_word", values={"what": what, "word": word})
