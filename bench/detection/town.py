"""A town in which cars are opened for weeks: a cheap model of unlocks, a million in half a minute.

It has what makes healthy days look ill: hours and weekdays, sleeping cars that fail at night, sick
cars, places without reception, customers who press again, trains. Shares are estimates [E].
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

from fleet_wire.contract.attempt import Attempt, Flag, PlatformSide, Source
from fleet_wire.contract.causes import Cause, outcome_of

ChoiceT = TypeVar("ChoiceT")
EPOCH_S: Final = 1_767_225_600.0
"""2026-01-01, a Thursday, 00:00 UTC."""
DAY_S: Final = 86_400.0
HOUR_S: Final = 3_600.0
BY_HOUR: Final = (
    0.15, 0.1, 0.08, 0.08, 0.12, 0.3, 0.8, 1.7, 2.0, 1.3, 1.0, 1.0,
    1.2, 1.2, 1.0, 1.1, 1.5, 2.2, 2.1, 1.6, 1.2, 1.0, 0.8, 0.4,
)  # fmt: skip
"""How many unlocks an hour has, of the mean of a day."""
WEEKEND: Final = 0.7
REGIONS: Final = ("centre", "north", "south", "east", "west")
OPERATORS: Final = (("operator-a", 0.5), ("operator-b", 0.3), ("operator-c", 0.2))
FIRMWARES: Final = (("2.4.1", 0.6), ("2.5.0", 0.25), ("1.8.0", 0.15))
HARDWARES: Final = (("tcu-3", 0.7), ("tcu-2", 0.3))
APPS: Final = (("7.2.1", 0.6), ("7.3.0", 0.3), ("6.9.0", 0.1))
ENDPOINTS: Final = ("/v1/vehicles/{vehicle_id}/unlock", "/v2/unlocks")
FAILING: Final = 0.012
"""By day, of a car that is well."""
ASLEEP: Final = 2.0
"""By so much more at night: cars sleep, and some do not wake up."""
WITHOUT_RECEPTION: Final = 0.04
"""Of all cars, such as stand where one in eight unlocks fails."""
SICK: Final = 0.004
"""Of all cars, such as fail for a day or two."""
PRESSES_AGAIN: Final = 0.8
FAILS_AGAIN: Final = 0.85
REFUSED: Final = 0.01
"""Of all unlocks: the booking is over, or another's."""
REFUSALS: Final = (
    ("booking-ended", 0.6), ("booking-of-another", 0.3), ("vehicle-not-booked", 0.1),
)  # fmt: skip
FORGETS: Final = 0.01
"""Of the customers whose car has opened so many press again: for the boot, or to be sure."""
CAUSES: Final = (
    (Cause.BOX_SILENT, 0.4), (Cause.BOX_OFFLINE, 0.25), (Cause.DOWNLINK_LOST, 0.05),
    (Cause.VEHICLE_STATE, 0.08), (Cause.VEHICLE_FAILED, 0.06), (Cause.API_FAILED, 0.06),
    (Cause.BOX_BUSY, 0.03), (Cause.RESULT_LOST, 0.03), (Cause.DOOR_UNCONFIRMED, 0.02),
    (Cause.EXECUTION_SILENT, 0.01), (Cause.BOX_SAYS_EXPIRED, 0.01),
)  # fmt: skip
"""Of failures by day, and of those of cars that are well."""


@dataclass(frozen=True, slots=True)
class Car:
    """A car."""

    vehicle_id: str
    region: str
    operator: str
    firmware: str
    hardware: str
    failing: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Something that breaks, for a while and for some."""

    since_s: float
    """Seconds since the first day began."""
    until_s: float
    share: float
    """Of the unlocks of its cohort that are hit."""
    cohort: dict[str, str] = field(default_factory=dict)
    cause: Cause = Cause.BOX_OFFLINE
    slow_stage: str | None = None
    """The hop that takes ten times as long, in place of failing."""

    def concerns(self, values: dict[str, str], at_s: float) -> bool:
        """Return whether an unlock may be hit."""
        return self.since_s <= at_s < self.until_s and all(
            values.get(name) == value for name, value in self.cohort.items()
        )


@dataclass(slots=True, eq=False)
class Town:
    """Cars and customers of one seed."""

    seed: int
    cars: int = 2_000
    a_minute: float = 20.0
    """Unlocks, on average over a day."""
    regions: int = len(REGIONS)
    releases: int = 0
    """Firmware releases besides those of `FIRMWARES`, each of a part of the cars."""

    def fleet(self) -> list[Car]:
        """Return its cars."""
        stream = stream_of(self.seed, "cars")
        cars = []
        for number in range(self.cars):
            dark = stream.random() < WITHOUT_RECEPTION
            cars.append(
                Car(
                    f"car-{number:05d}",
                    self._region(stream),
                    weighted(OPERATORS, stream),
                    self._firmware(stream),
                    weighted(HARDWARES, stream),
                    0.12 if dark else FAILING,
                )
            )
        return cars

    def _region(self, stream: random.Random) -> str:
        number = stream.randrange(self.regions)
        return REGIONS[number] if number < len(REGIONS) else f"region-{number}"

    def _firmware(self, stream: random.Random) -> str:
        if self.releases and stream.random() < 0.5:
            return f"3.{stream.randrange(self.releases)}.0"
        return weighted(FIRMWARES, stream)

    def unlocks(self, days: float, troubles: Sequence[Trouble] = ()) -> Iterator[Attempt]:
        """Yield all unlocks of so many days, in the order in which they end."""
        fleet = self.fleet()
        stream = stream_of(self.seed, "unlocks")
        sick = _Sick(fleet, stream_of(self.seed, "sick"))
        waiting: list[tuple[float, int, Attempt]] = []
        number = 0
        at_s = 0.0
        most = self.a_minute / 60.0 * max(BY_HOUR) * 1.2
        while True:
            at_s += stream.expovariate(most)
            if at_s >= days * DAY_S:
                break
            if stream.random() * most > self._rate(at_s):
                continue
            car = fleet[stream.randrange(len(fleet))]
            for one in self._of_customer(car, at_s, sick, troubles, stream, number):
                number += 1
                heapq.heappush(waiting, (one.started_at + one.total_s, number, one))
            while waiting and waiting[0][0] <= EPOCH_S + at_s:
                yield heapq.heappop(waiting)[2]
        while waiting:
            yield heapq.heappop(waiting)[2]

    def _rate(self, at_s: float) -> float:
        """Return unlocks a second; on the hour a train comes."""
        hour = int(at_s // HOUR_S)
        rate = self.a_minute / 60.0 * BY_HOUR[hour % 24]
        if (hour // 24 + 3) % 7 >= 5:  # the first day is a Thursday
            rate *= WEEKEND
        elif 6 <= hour % 24 < 20 and at_s % HOUR_S < 120.0:
            rate *= 1.2
        return rate

    def _of_customer(
        self,
        car: Car,
        at_s: float,
        sick: _Sick,
        troubles: Sequence[Trouble],
        stream: random.Random,
        number: int,
    ) -> Iterator[Attempt]:
        """Yield the unlocks of one customer, who presses again where it fails."""
        app = weighted(APPS, stream)
        endpoint = ENDPOINTS[app == "7.3.0"]
        values = {
            "region": car.region,
            "operator": car.operator,
            "firmware": car.firmware,
            "hardware": car.hardware,
            "app_version": app,
            "endpoint": endpoint,
            "api_release": "1.4",
        }
        customer = f"customer-{stream.randrange(50_000)}"
        is_again = False
        forgets = stream.random() < FORGETS
        usual = Cause.BOX_ASLEEP if _is_night(at_s) else weighted(CAUSES, stream)
        for _ in range(4):
            failing = FAILS_AGAIN if is_again else sick.failing(car, at_s)
            cause = usual
            if not is_again and stream.random() < REFUSED:
                failing, cause = 1.0, Cause.API_REFUSED
            slow = None
            for trouble in troubles:
                if trouble.concerns(values, at_s):
                    if trouble.slow_stage is None:
                        failing, cause = max(failing, trouble.share), trouble.cause
                    elif stream.random() < trouble.share:
                        slow = trouble.slow_stage
            has_failed = stream.random() < failing
            one = _unlock(
                car, customer, values, at_s, cause if has_failed else None, slow, stream, number
            )
            yield one
            number += 100_000_000
            if not has_failed and forgets:
                forgets = False
            elif not has_failed or stream.random() > PRESSES_AGAIN or cause is Cause.API_REFUSED:
                return
            else:
                is_again = True
            at_s += one.total_s + stream.uniform(2.0, 40.0)


class _Sick:
    """Cars that are ill for a day or two, others each day."""

    def __init__(self, fleet: Sequence[Car], stream: random.Random) -> None:
        self._fleet = fleet
        self._stream = stream
        self._until: dict[str, float] = {}
        self._day = -1

    def failing(self, car: Car, at_s: float) -> float:
        """Return the share of a car's unlocks that fail now."""
        day = int(at_s // DAY_S)
        if day != self._day:
            self._day = day
            for _ in range(max(round(len(self._fleet) * SICK / 1.5), 1)):
                ill = self._fleet[self._stream.randrange(len(self._fleet))]
                self._until[ill.vehicle_id] = at_s + self._stream.uniform(0.2, 2.5) * DAY_S
        if self._until.get(car.vehicle_id, 0.0) > at_s:
            return 0.9
        return car.failing * (ASLEEP if _is_night(at_s) else 1.0)


def _is_night(at_s: float) -> bool:
    return int(at_s // HOUR_S) % 24 < 6


def _unlock(
    car: Car,
    customer: str,
    values: dict[str, str],
    at_s: float,
    cause: Cause | None,
    slow: str | None,
    stream: random.Random,
    number: int,
) -> Attempt:
    hops: dict[str, float] = {}
    for stage, usual_s in _HOPS:
        hop_s = usual_s * stream.lognormvariate(0.0, 0.5)
        hops[stage] = hop_s * 10.0 if stage == slow else hop_s
        if cause is not None and stage == "box_received":
            break
    total_s = 20.0 if cause else sum(hops.values())
    status, problem = (504, "vehicle-silent") if cause else (200, None)
    if cause is Cause.API_REFUSED:
        status, problem, total_s = 403, weighted(REFUSALS, stream), 0.3
    return Attempt(
        attempt_id=f"a{number}",
        command_id=f"c{number}",
        vehicle_id=car.vehicle_id,
        trace_id=f"a{number}",
        source=Source.CUSTOMER,
        started_at=EPOCH_S + at_s,
        scheduled_s=at_s,
        outcome=outcome_of(cause),
        cause=cause,
        total_s=total_s,
        stages={},
        hops_s=hops,
        flags=() if cause is None or not _is_night(at_s) else (Flag.WOKEN,),
        booking_id=f"b{number}",
        region=car.region,
        operator=car.operator,
        firmware=car.firmware,
        hardware=car.hardware,
        platform=PlatformSide(
            status=status,
            problem=problem,
            endpoint=values["endpoint"],
            app_version=values["app_version"],
            api_release="1.4",
            account_id=customer,
        ),
    )


_HOPS: Final = (
    ("requested", 0.05), ("published", 0.1), ("broker_accepted", 0.02), ("box_received", 0.4),
    ("box_executed", 1.0), ("result_received", 0.3), ("state_changed", 0.4), ("api_answered", 0.1),
)  # fmt: skip


def stream_of(seed: int, name: str) -> random.Random:
    """Return a generator of its own: twenty times as quick as the streams of the model."""
    return random.Random(f"{seed}/{name}")  # noqa: S311 - no secret


def weighted(choices: Sequence[tuple[ChoiceT, float]], stream: random.Random) -> ChoiceT:
    """Return one of the choices, by their weights."""
    left = stream.random()
    for choice, weight in choices:
        left -= weight
        if left < 0.0:
            return choice
    return choices[-1][0]
