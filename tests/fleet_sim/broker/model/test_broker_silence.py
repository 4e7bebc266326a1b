"""The broker model: connections that were left behind, and links that are frozen."""

from __future__ import annotations

from fleet_wire.links.link import Message
from tests.helpers.broker_place import Place


def test_what_waits_goes_on_waiting_when_the_link_freezes_again(place: Place) -> None:
    """Also where it does so on what came first; then nothing is lost, and all goes on as before."""
    frozen = place.connected("frozen", "topic")
    other = place.connected("other")
    frozen.link.freeze()
    for number in range(3):
        other.link.publish("topic", b"%d" % number)
    place.time.run_for(1)

    def on_message(message: Message) -> None:
        frozen.messages.append(message)
        frozen.link.freeze()

    frozen.on_message = on_message  # type: ignore[method-assign]
    for number in range(3):
        frozen.link.thaw()
        place.time.run_for(1)
        assert len(frozen.messages) == number + 1
    frozen.link.thaw()
    other.link.publish("topic", b"3", qos=0)
    place.time.run_for(1)
    assert frozen.payloads == [b"0", b"1", b"2", b"3"]
