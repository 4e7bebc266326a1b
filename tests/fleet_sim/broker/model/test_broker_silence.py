"""The broker model: connections that were left behind, and links that are frozen."""

from __future__ import annotations

from fleet_sim.broker.model.broker import HOP_S
from fleet_wire.links.link import EndReason, Message, Will
from tests.helpers.broker_place import Place


def test_left_connection_is_closed_when_its_keepalive_is_over(place: Place) -> None:
    """It counts from the last ping, as for a frozen client; the client learns nothing."""
    watcher = place.connected("watcher", "will", keepalive_s=0)
    client = place.connected("client", keepalive_s=10, will=Will("will", b"silent"))
    place.time.run_for(50)  # pings at 9, 18 ... 45
    client.link.leave_behind()
    place.time.run_for(10)
    assert watcher.messages == []
    place.time.run_for(2)
    assert (watcher.payloads, client.ends) == ([b"silent"], [])


def test_connect_that_was_left_behind_is_served_all_the_same(place: Place) -> None:
    """The broker accepts a CONNECT that it has got, and publishes the will when nothing follows."""
    watcher = place.connected("watcher", "will", keepalive_s=0)
    client = place.client("client", keepalive_s=10, will=Will("will", b"silent"))
    client.link.connect()
    place.time.run_for(HOP_S / 2)
    client.link.leave_behind()
    place.time.run_for(20)
    assert (watcher.payloads, client.sessions_present, client.ends) == ([b"silent"], [], [])


def test_silence_on_a_left_connection_does_not_end_the_next(place: Place) -> None:
    """Once taken over, a connection that was left behind has no part in what follows."""
    watcher = place.connected("watcher", "will", keepalive_s=0)
    client = place.connected(
        "client", session_expiry_s=60, keepalive_s=10, will=Will("will", b"silent")
    )
    client.link.leave_behind()
    place.connect(client)
    place.time.run_for(60)
    assert client.link.is_connected
    assert (watcher.messages, client.ends) == ([], [])


def test_frozen_link_that_aborts_publishes_its_will(place: Place) -> None:
    """A frozen link cannot say goodbye: disconnect closes it as abort does."""
    watcher = place.connected("watcher", "will")
    client = place.connected("client", will=Will("will", b"gone"))
    client.link.freeze()
    client.link.disconnect()
    place.time.run_for(1)
    assert watcher.payloads == [b"gone"]
    client.link.thaw()
    place.time.run_for(1)
    assert client.ends == []


def test_pings_count_until_the_freeze(place: Place) -> None:
    """The keepalive counts from the last ping before the freeze, and anew after a thaw."""
    watcher = place.connected("watcher", "will", keepalive_s=0)
    client = place.connected("client", keepalive_s=10, will=Will("will", b"silent"))
    place.time.run_for(100)  # pings at 9, 18 ... 99
    client.link.freeze()
    place.time.run_for(14)
    client.link.thaw()  # pings at 114
    client.link.freeze()
    place.time.run_for(15)
    assert watcher.messages == []
    place.time.run_for(2)
    assert watcher.payloads == [b"silent"]


def test_a_keepalive_of_two_seconds_pings_every_second(place: Place) -> None:
    """The broker hears the last ping a second before the client falls silent, not two."""
    watcher = place.connected("watcher", "will", keepalive_s=0)
    client = place.connected("client", keepalive_s=2, will=Will("will", b"silent"))
    place.time.run_for(11.5)
    client.link.freeze()
    place.time.run_for(3)  # at 14.5; from the ping at 10 on it would be 14
    assert watcher.messages == []
    place.time.run_for(1)
    assert watcher.payloads == [b"silent"]


def test_connect_while_frozen_waits_for_the_thaw_or_its_timeout(place: Place) -> None:
    """CONNECT of a frozen link goes out at the thaw, if that comes in time."""
    client = place.client("client")
    client.link.freeze()
    client.link.connect()
    place.time.run_for(5)
    assert not client.link.is_connected
    client.link.thaw()
    place.time.run_for(1)
    assert client.link.is_connected
    client.link.disconnect()
    client.link.freeze()
    client.link.connect()
    place.time.run_for(11)
    assert [end.why for end in client.ends] == [EndReason.UNREACHABLE]


def test_takeover_of_a_frozen_client_is_learned_at_the_thaw(place: Place) -> None:
    """What the broker sent before it closed comes first, then the reason."""
    frozen = place.connected("same", "topic", session_expiry_s=60)
    frozen.link.freeze()
    other = place.connected("other")
    other.link.publish("topic", b"unseen")
    place.time.run_for(1)
    twin = place.connected("same", session_expiry_s=60)
    place.time.run_for(1)
    assert (frozen.ends, twin.payloads) == ([], [b"unseen"])
    frozen.link.thaw()
    place.time.run_for(1)
    assert (frozen.payloads, frozen.ends[0].code) == ([b"unseen"], 142)
    assert [message.duplicate for message in twin.messages] == [True]


def test_nothing_overtakes_what_waited_for_the_thaw(place: Place) -> None:
    """Messages that arrive at the moment of the thaw come after those that waited."""
    frozen = place.connected("frozen", "topic")
    other = place.connected("other")
    frozen.link.freeze()
    other.link.publish("topic", b"1")
    place.time.run_for(1)
    other.link.publish("topic", b"2")
    place.time.run_for(HOP_S * 1.5)
    frozen.link.thaw()
    frozen.link.freeze()
    frozen.link.thaw()
    place.time.run_for(1)
    assert frozen.payloads == [b"1", b"2"]


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


def test_a_handler_that_raises_on_what_waited_loses_its_link(place: Place) -> None:
    """As on any other message, with what waits behind it."""
    frozen = place.connected("frozen", "topic")
    other = place.connected("other")
    frozen.link.freeze()
    other.link.publish("topic", b"")
    other.link.publish("topic", b"")
    place.time.run_for(1)

    def on_message(message: Message) -> None:
        frozen.messages.append(message)
        raise RuntimeError("a defect")

    frozen.on_message = on_message  # type: ignore[method-assign]
    frozen.link.thaw()
    place.time.run_for(1)
    assert [end.why for end in frozen.ends] == [EndReason.HANDLER_ERROR]
    assert len(frozen.messages) == 1


def test_a_link_that_was_frozen_for_a_moment_has_not_spoken(place: Place) -> None:
    """No ping was due: its keepalive counts from before."""
    watcher = place.connected("watcher", "will", keepalive_s=0)
    client = place.connected("client", keepalive_s=60, will=Will("will", b"silent"))
    place.time.run_for(30)
    client.link.freeze()
    client.link.thaw()
    client.link.leave_behind()
    place.time.run_for(62)
    assert watcher.payloads == [b"silent"]


def test_what_arrives_in_the_moment_of_the_thaw_waits_its_turn() -> None:
    """A message that is due at the very moment of the thaw comes after those that waited."""
    place = Place(hop=0.25)
    frozen = place.connected("frozen", "topic")
    other = place.connected("other")
    frozen.link.freeze()
    other.link.publish("topic", b"1")
    place.time.run_for(1)
    place.time.call_later(0.5, frozen.link.thaw)  # before the broker's own call for that moment
    other.link.publish("topic", b"2")
    place.time.run_for(1)
    assert frozen.payloads == [b"1", b"2"]
