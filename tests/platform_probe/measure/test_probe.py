"""The probe on a fake link: files of cars, groups, several brokers, and doubts.

`probe.txt` says how it connects, sends, loses the broker and stops.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fleet_wire.contract import codec
from fleet_wire.contract.messages import Command
from fleet_wire.contract.signing import is_signed, vehicle_key
from fleet_wire.contract.topics import TopicKind, parse_topic
from fleet_wire.errors import ConfigError
from fleet_wire.links.brokers import Brokers
from fleet_wire.links.link import Disconnected, EndReason
from platform_probe.measure.attempts.gaps import BEAT_S
from tests.helpers.fake_clock import EPOCH_S
from tests.helpers.messages import message_of
from tests.helpers.probe_player import ASLEEP, CAR, LOAD, ProbeBench

BURST = {"kind": "burst", "count": 3, "duration_s": 0.01}


def test_session_listens_to_all_cars_and_to_a_group_first() -> None:
    """The probe leaves no session behind: what it missed is of no use later.

    A broker that holds back only so much for a newcomer must not drop who else is there.
    """
    session = ProbeBench().probe.connection.session()
    assert session.client_id == "platform-probe"
    assert "cars/+/result" in session.subscriptions
    assert (session.clean_start, session.session_expiry_s, session.will) == (True, 0, None)
    of_group = ProbeBench(watch_group="monitors").probe.connection.session()
    assert of_group.subscriptions[0].startswith("probes/monitors/")


def test_booked_cars_are_not_touched(tmp_path: Path) -> None:
    """Neither unlocked nor locked, as soon as the file says so; each is counted."""
    path = tmp_path / "booked.txt"
    path.write_text("car-1\n")
    bench = ProbeBench(load={**LOAD, "stages": [BURST], "booked_file": path})
    bench.connect()
    bench.probe.begin_load()
    bench.wait(0.1)
    assert (bench.link.sent, bench.attempts, bench.probe.is_done) == ([], [], True)
    assert bench.value("starts_withheld_total", why="booked") == 3
    path.unlink()
    bench.start()
    assert bench.probe.stats()["withheld"] == 4
    assert bench.log.lines[-1]["event"] == "no_car_is_touched"
    path.write_text("")
    bench.start()
    assert len(bench.link.sent) == 1


def test_commands_are_signed_with_the_keys_of_the_cars(tmp_path: Path) -> None:
    """Of those that are unlocked, the null box among them; a car without a key is told at once."""
    path = tmp_path / "keys.txt"
    keys = {name: vehicle_key("of the fleet", name) for name in (CAR, "null-box-0")}
    path.write_text("".join(f"{name} {key.hex()}\n" for name, key in keys.items()))
    load = {**LOAD, "stages": [BURST]}
    settings: dict[str, Any] = {"vehicle_keys": path, "load": load, "floor": {}}
    bench = ProbeBench(**settings)
    bench.connect()
    bench.probe.begin_load()
    bench.wait(1.0)
    assert {parse_topic(topic)[1] for topic, *_ in bench.link.sent} == set(keys)
    for topic, payload, *_ in bench.link.sent:
        command = codec.decode(TopicKind.COMMAND, payload)
        assert isinstance(command, Command)
        assert is_signed(keys[parse_topic(topic)[1]], command)
    for key in keys.values():
        assert key.hex() not in str(bench.log.lines)
        assert key.hex() not in bench.probe._settings.model_dump_json()
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:1]))
    with pytest.raises(ConfigError, match="no key of car 'null-box-0'"):
        ProbeBench(**settings)
    assert ProbeBench(vehicle_keys=path).probe.connection.not_ready()


def test_a_broker_of_several_that_is_away_is_told_and_counted() -> None:
    """Each time anew, as it is when the first of them is there, and when none is.

    A broker that keeps messages of cars that are another's is logged once, with a topic.
    """
    bench = ProbeBench(broker="mqtt://one,mqtt://two")
    one, two = Brokers.parse("mqtt://one,mqtt://two").addresses
    away = Disconnected(EndReason.UNREACHABLE, detail="Connection refused")
    assert bench.value("brokers_away") == 2
    for broker, end in ((one, None), (two, away)):
        bench.probe.connection.broker_changed(broker, end)
    bench.connect()
    assert bench.value("brokers_away") == 1
    assert str(bench.probe.connection.away) == "mqtt://two:1883 (unreachable: Connection refused)"
    bench.probe.connection.broker_changed(two, None)
    assert (bench.value("brokers_away"), str(bench.probe.connection.away)) == (0, "")
    bench.link.end(EndReason.KEEPALIVE)
    assert bench.value("brokers_away") == 2
    assert len(bench.events("broker_back")) == 1, "one that was not away has not come back"
    for _ in range(3):
        bench.probe.connection.left_over(one, message_of("cars/car-00001/presence", ASLEEP))
    (line,) = bench.events("left_over")
    assert (line["broker"], line["topic"]) == ("mqtt://one:1883", "cars/car-00001/presence")


def test_what_comes_in_and_how_late_the_loop_is_can_be_read() -> None:
    """At each beat: messages by kind, when the last came, commands not followed, and the lag."""
    bench = ProbeBench()
    bench.connect()
    bench.probe.watch_itself()
    for _ in range(3):
        bench.take("cars/car-1/presence", ASLEEP)
    bench.probe.tracker.not_followed = 2
    for late_s in (0.03, 0.0):
        bench.clock.now_s += BEAT_S + late_s
        bench.clock.wall_s += 7
        bench.probe.watch_itself()
    for topic, count, at in (("presence", 3, EPOCH_S + 7), ("result", 0, 0)):
        assert bench.value("messages_total", topic=topic) == count
        assert bench.value("last_message_timestamp_seconds", topic=topic) == at
    assert bench.value("commands_not_followed_total") == 2
    assert bench.value("loop_lag_seconds_count") == 3
    assert bench.value("loop_lag_seconds_sum") == pytest.approx(0.03)
