"""Lines of attempts as a monitor writes them, by seed: as many, of as many cars, as are wanted.

What is drawn is drawn as a fleet would have it: 3 % of the unlocks fail, each with its evidence;
ids are random and long, which is what no store can make small.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

BEGIN_UNIX_S: Final = 1_767_225_600.0
"""2026-01-01 in UTC."""
FAILURES: Final = 0.03
"""Share of unlocks that fail [E]."""
_CAUSES: Final = (
    ("box_offline", "unknown"),
    ("box_asleep", "unknown"),
    ("downlink_lost", "unknown"),
    ("api_failed", "failed"),
    ("vehicle_failed", "failed"),
    ("result_lost", "unknown"),
)
_STAGES: Final = (
    ("requested", 0.001),
    ("published", 0.01),
    ("broker_accepted", 0.0005),
    ("box_received", 0.6),
    ("box_executed", 1.1),
    ("result_received", 0.04),
    ("state_changed", 0.002),
)
"""Each stage, and the mean of the hop to it, seconds [E]."""
_ID: Final = re.compile(rb'("(?:attempt|command|trace|booking)_id":")[0-9a-f]{32}')
STAGE_NAMES: Final = tuple(name for name, _ in _STAGES)


def car_id(number: int) -> str:
    """Return the id of a car."""
    return f"car-{number:05d}"


def attempt_lines(
    count: int, *, cars: int, seed: int, duration_s: float = 86_400.0, began_s: float = BEGIN_UNIX_S
) -> Iterator[bytes]:
    """Yield so many lines in the order in which they end, spread evenly over the duration."""
    draw = random.Random(f"{seed}/{began_s}")  # noqa: S311 - a benchmark's data
    encode = msgspec.json.Encoder().encode
    for number in range(count):
        started_at = began_s + duration_s * number / count
        yield encode(_attempt(draw, draw.randrange(cars), started_at)) + b"\n"


def lines_later(lines: Iterable[bytes], *, seed: int, after_s: float) -> Iterator[bytes]:
    """Yield the same unlocks so much later, with other ids: a tenth of the work of drawing them."""
    draw = random.Random(f"later/{seed}")  # noqa: S311 - a benchmark's data
    for line in lines:
        head, _, rest = line.partition(b'"started_at":')
        started_at, _, rest = rest.partition(b',"scheduled_s":')
        scheduled_s, _, rest = rest.partition(b",")
        at_s, on_s = float(started_at) + after_s, float(scheduled_s) + after_s
        head = _ID.sub(lambda found: found[1] + b"%032x" % draw.getrandbits(128), head)
        rest = _ID.sub(lambda found: found[1] + b"%032x" % draw.getrandbits(128), rest)
        yield b'%b"started_at":%.6f,"scheduled_s":%.6f,%b' % (head, at_s, on_s, rest)


def _attempt(draw: random.Random, car: int, started_at: float) -> dict[str, Any]:
    failed = draw.random() < FAILURES
    cause, outcome = draw.choice(_CAUSES) if failed else (None, "ok")
    stages, hops = _times(draw, reached=draw.randrange(2, 5) if failed else len(_STAGES))
    total_s = 20.0 if outcome == "unknown" else max(stages.values())
    return {
        "attempt_id": _hex(draw, 128),
        "command_id": _hex(draw, 128),
        "vehicle_id": car_id(car),
        "trace_id": _hex(draw, 128),
        "parent_span_id": _hex(draw, 64),
        "source": "customer",
        "started_at": round(started_at, 6),
        "scheduled_s": round(started_at - BEGIN_UNIX_S, 6),
        "outcome": outcome,
        "cause": cause,
        "failure_mode": None,
        "reason": None,
        "total_s": total_s,
        "stages": stages,
        "hops_s": hops,
        "flags": [],
        "evidence": _evidence(draw) if failed else {},
        "booking_id": _hex(draw, 128),
        "can_wake_s": draw.uniform(0.3, 0.9),
        "actuation_s": draw.uniform(0.3, 0.6),
        "region": ("city", "outskirts", "coast", "hills")[car % 4],
        "operator": ("operator-a", "operator-b", "operator-c")[car % 3],
        "firmware": ("2.4.0", "2.4.1", "2.5.0")[car % 7 % 3],
        "hardware": ("tcu-2", "tcu-3")[car % 5 % 2],
        "revision": 1,
        "sources_missing": [],
        "platform": {
            "status": 504 if failed else 200,
            "endpoint": "/vehicles/{vehicle_id}/unlock",
            "app_version": draw.choice(("7.2.1", "7.3.0")),
            "api_release": "1.0.0",
            "account_id": f"customer-{draw.randrange(50_000):05d}",
            "ended_s": round(total_s, 6),
            "outcome": "expired" if failed else "executed",
            "clock_ahead_s": -0.003165,
            "clock_uncertainty_s": 0.0004,
            "hops_across": ["box_received"],
        },
    }


def _times(draw: random.Random, *, reached: int) -> tuple[dict[str, float], dict[str, float]]:
    at_s = 0.0
    stages, hops = {"intended": 0.0}, {}
    for name, mean_s in _STAGES[:reached]:
        hop_s = round(draw.expovariate(1 / mean_s), 6)
        at_s = round(at_s + hop_s, 6)
        stages[name], hops[name] = at_s, hop_s
    return stages, hops


def _evidence(draw: random.Random) -> dict[str, Any]:
    return {
        "furthest_stage": "broker_accepted",
        "presence": draw.choice(("online", "offline", "asleep")),
        "presence_at_start": "online",
        "presence_changed_ago_s": round(draw.uniform(0, 9_000), 3),
        "heard_ago_s": round(draw.uniform(0, 900), 3),
        "heard_after_command": draw.random() < 0.3,
        "is_locked": True,
        "voltage_v": round(draw.gauss(12.6, 0.2), 2),
    }


def _hex(draw: random.Random, bits: int) -> str:
    return f"{draw.getrandbits(bits):0{bits // 4}x}"
