"""What mosquitto's log says of clients, in the text file of this folder."""

from __future__ import annotations

from dataclasses import dataclass, field

from fleet_wire.contract.broker_log import broker_event_of, is_broker_log
from tests.helpers.transcripts import Teller, stories_test

AT = 1_767_225_600.0
STAMPS = ("1795631955: ", "2026-11-25T18:39:15: ", "")


@dataclass
class LogPlayer(Teller):
    """A reader of a broker's log: `log LINE`, and `topic TOPIC` on which something comes."""

    told: list[str] = field(default_factory=list)

    def _do_log(self, line: str) -> None:
        """Tell what a line says, whatever stamp stands before it."""
        lines = [f"{stamp}{line}".replace("\\n", "\n").encode() for stamp in STAMPS]
        event, *others = (broker_event_of(each, AT) for each in lines)
        assert others == [event, event]
        if event is None:
            self.told.append("nothing")
            return
        ping = f", pings within {event.keepalive_s:g} s" if event.keepalive_s else ""
        detail = f": {event.detail}" if event.detail else ""
        self.told.append(f"{event.client_id or 'somebody'} {event.kind}{detail}{ping}")
        assert event.at == AT

    def _do_topic(self, topic: str) -> None:
        self.told.append("the broker's log" if is_broker_log(topic) else "no log")


test_stories = stories_test(__file__, LogPlayer)
