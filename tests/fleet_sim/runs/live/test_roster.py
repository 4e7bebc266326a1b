"""What a shard makes of the other shards, without a broker."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from fleet_sim.runs.live.roster import (
    SPARE,
    Announcement,
    Roster,
    announcement,
    meeting_place,
)
from fleet_sim.scenario.loading import load_scenario
from fleet_wire.links.brokers import Brokers
from tests.helpers.commands import write_scenario

LIFE_S = 120.0
BROKERS = "mqtt://b-{0..2}.b"


def shard(number: int, total: int = 4, *, cars: int = 10, **differs: Any) -> Announcement:
    """Return what a shard of a fleet of ten cars says of itself."""
    own = Announcement(
        fleet="city", number=number, host=f"boxes-{number - 1}", total=total, cars=cars,
        scenario="a", seed=7, brokers="b", broker_set="s", broker_count=2,
    )  # fmt: skip
    return msgspec.structs.replace(own, **differs)


class Heard:
    """A roster of shard 2/4, and all that it has said."""

    def __init__(self) -> None:
        self.roster = Roster(shard(2), "mine", life_s=LIFE_S)
        self.said: list[str] = []

    def come(self, instance: str, other: Announcement, now_s: float = 0.0) -> None:
        """Let a shard announce itself."""
        self.take(instance, msgspec.json.encode(other), now_s)

    def take(self, instance: str, payload: bytes, now_s: float = 0.0) -> None:
        """Let a message come."""
        self.said += self.roster.handle(f"shards/{instance}", payload, now_s)

    def come_all(self) -> None:
        """Let the other three come."""
        for number in (1, 3, 4):
            self.come(f"other-{number}", shard(number))


def test_shards_that_fit_are_counted_and_nothing_is_said() -> None:
    """Own announcements come back from the broker, and count once."""
    heard = Heard()
    heard.come_all()
    heard.take("mine", heard.roster.payload())
    assert heard.said == []
    assert heard.roster.state() == "4 of 4 shards"
    assert heard.roster.topic == "shards/mine"


def test_one_that_is_missing_is_named_with_its_boxes() -> None:
    """Ten cars among four: shards 1 and 2 have three, the others two."""
    heard = Heard()
    heard.come("other-1", shard(1))
    assert heard.roster.state() == "2 of 4 shards, 4 boxes missing with shard 3, 4"


def test_many_that_are_missing_do_not_fill_the_screen() -> None:
    """The first five stand for all."""
    roster = Roster(shard(2, 100, cars=1_000), "mine", life_s=LIFE_S)
    assert roster.state() == (
        "1 of 100 shards, 990 boxes missing with shard 1, 3, 4, 5, 6 and 94 more"
    )


def test_one_that_goes_is_named_and_missing() -> None:
    """By its last will, by its goodbye, or by its silence: each time it says which."""
    heard = Heard()
    heard.come_all()
    heard.take("other-1", b"")
    heard.take("other-3", msgspec.json.encode(shard(3, is_ending=True)))
    heard.take("other-3", b"")
    heard.said += heard.roster.expire(LIFE_S)
    heard.said += heard.roster.expire(LIFE_S + 0.5)
    assert heard.said == [
        "shard 1/4 on boxes-0 (3 boxes) is gone without a goodbye: killed, or cut off",
        "shard 3/4 on boxes-2 (2 boxes) is gone: it was told to end",
        "shard 4/4 on boxes-3 (2 boxes) is silent: is it cut off?",
    ]
    assert heard.roster.state() == "1 of 4 shards, 7 boxes missing with shard 1, 3, 4"


def test_one_that_goes_on_announcing_itself_is_there() -> None:
    """And said nothing of."""
    heard = Heard()
    heard.come_all()
    for number in (1, 3, 4):
        heard.come(f"other-{number}", shard(number), LIFE_S)
    assert heard.roster.expire(LIFE_S + 0.5) == []
    assert heard.said == []


def test_one_that_comes_late_is_named() -> None:
    """Its boxes were missing until then, and its faults come later."""
    heard = Heard()
    heard.come("other-1", shard(1))
    heard.roster.served_s = 5.0
    heard.come("other-3", shard(3), 46.0)
    assert heard.said == [
        "shard 3/4 on boxes-2 (2 boxes) has come 41 s after this one served: its faults come later"
    ]


def test_one_that_was_cut_off_is_there_again() -> None:
    """The same process: its faults have not begun anew."""
    heard = Heard()
    heard.roster.served_s = 0.0
    heard.come("other-1", shard(1), 1.0)
    heard.take("other-1", b"")
    heard.come("other-1", shard(1), 3.0)
    assert heard.said[-1] == "shard 1/4 on boxes-0 (3 boxes) is there again"


def test_one_that_is_played_twice_is_named_by_all() -> None:
    """Be it ours or another."""
    heard = Heard()
    heard.come_all()
    heard.come("again-4", shard(4, host="pc"))
    heard.come("again-2", shard(2, host="pc"))
    again = "too: each throws the other's boxes out"
    assert heard.said == [
        f"shard 4/4 on pc (2 boxes) is played by shard 4/4 on boxes-3 (2 boxes) {again}",
        f"shard 2/4 on pc (3 boxes) is played by shard 2/4 on boxes-1 (3 boxes), this one {again}",
    ]
    assert heard.roster.state() == "4 of 4 shards, twice shard 2, 4"


@pytest.mark.parametrize(
    ("differs", "said"),
    [
        ({"fleet": "coast", "total": 6}, "fleet coast is not city: a broker serves one"),
        ({"total": 6}, "total 6 is not 4: some cars are played twice or by nobody"),
        ({"cars": 12}, "cars 12 is not 10: some cars are played twice or by nobody"),
        ({"scenario": "x"}, "its scenario is another: its cars and faults are others"),
        ({"seed": 8}, "seed 8 is not 7: what is random differs"),
        (
            {"brokers": "x"},
            "its --broker list has the same brokers in another order: its cars are not where",
        ),
        (
            {"brokers": "x", "broker_set": "y", "broker_count": 3},
            "its --broker list has 3 brokers, not 2: its cars are not where others look for them",
        ),
        (
            {"brokers": "x", "broker_set": "y"},
            "its --broker list has others than this one's: its cars are not where others look",
        ),
    ],
)
def test_what_was_told_something_else_is_named_and_does_not_count(
    differs: dict[str, Any], said: str
) -> None:
    """Its cars overlap with others, or are not where they are looked for."""
    heard = Heard()
    heard.come("other-1", shard(1))
    heard.come("other-3", shard(3))
    heard.come("other-4", shard(4, **differs))
    (sentence,) = heard.said
    assert "does not fit shard 2/4 on boxes-1 (3 boxes), this one: " in sentence
    assert said in sentence
    assert heard.roster.state() == (
        "3 of 4 shards, 2 boxes missing with shard 4, 1 that do not fit"
    )


@pytest.mark.parametrize(
    "payload",
    [b"x", b"{}", b"[]", b"\xff", msgspec.json.encode(shard(1)).replace(b":4", b":0"),
     msgspec.json.encode(shard(1)).replace(b'"number":1', b'"number":5'),
     msgspec.json.encode(shard(1)).replace(b'"a"', b'"' + b"a" * 1_000 + b'"')],
)  # fmt: skip
def test_what_is_no_announcement_is_counted_and_said_once(payload: bytes) -> None:
    """Anybody may publish there."""
    heard = Heard()
    heard.take("other", payload)
    heard.take("other", payload)
    assert heard.roster.malformed == 2
    assert len(heard.said) == 1
    assert "what is no shard's was published at shards/other: " in heard.said[0]


def test_a_flood_of_others_is_not_remembered() -> None:
    """Nor said."""
    heard = Heard()
    for number in range(100):
        heard.come(f"other-{number}", shard(2))
    assert len(heard.said) == 2 * 4 + SPARE


def announced(path: Path, *overrides: str, brokers: str = BROKERS) -> Announcement:
    """Return what the second of three shards of a scenario says."""
    scenario = load_scenario(path, overrides)
    return announcement(
        "city", scenario, shard=(2, 3), host="here", seed=7, brokers=Brokers.parse(brokers)
    )


def test_what_decides_where_cars_are_is_announced(tmp_path: Path) -> None:
    """A broker more, one instead of another, another order, another delay: not the user's name."""
    path = write_scenario(tmp_path)
    plain = announced(path)
    assert (plain.number, plain.total, plain.cars) == (2, 3, 30)
    assert announced(path, "seed=12", brokers=f"{BROKERS},mqtt://c").scenario == plain.scenario
    assert announced(path, "fleet.groups.car.box.can_wake=1").scenario != plain.scenario
    assert announced(path, brokers="mqtt://me@b-{0..2}.b:1883").brokers == plain.brokers
    lists = ("mqtt://b-{0..3}.b", "mqtt://b-{0..1}.b,mqtt://c", "mqtt://b-{1..2}.b,mqtt://b-0.b")
    assert plain.brokers not in {announced(path, brokers=each).brokers for each in lists}


def test_where_shards_meet_follows_from_no_order(tmp_path: Path) -> None:
    """Nor from brokers that come later in the alphabet."""
    path = write_scenario(tmp_path)
    lists = ["mqtt://b-0.b,mqtt://b-1.b", "mqtt://b-1.b,mqtt://b-0.b", "mqtt://c,mqtt://b-0.b:1883"]
    assert {meeting_place(Brokers.parse(each)).first.host for each in lists} == {"b-0.b"}
    one, turned, _ = (announced(path, brokers=each) for each in lists)
    assert (one.broker_set, one.broker_count) == (turned.broker_set, 2)
