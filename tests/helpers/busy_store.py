"""A store in which everything that can be asked about has happened once, at known times."""

from __future__ import annotations

import atexit
import shutil
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Final

import msgspec

from fleet_wire.contract.attempt import Attempt, Flag, PlatformSide
from fleet_wire.contract.causes import Cause
from tests.helpers.stores import kept, put_lines, put_unlocks, unlock

RECORDS: Final = Path(__file__).with_name("busy_records")
"""What else was recorded, by table: presence, late answers, diagnoses, labels and more."""
FAILURES: Final = {
    3: ("car-03", Cause.BOX_OFFLINE),
    17: ("car-03", Cause.BOX_OFFLINE),
    33: ("car-05", Cause.API_FAILED),
    41: ("car-03", Cause.RESULT_LOST),
}
"""Unlocks that failed, by number: the car and the cause. One unlock a second, 60 in all."""


def _platform_side(number: int, **more: Any) -> PlatformSide:
    return PlatformSide(
        status=200 if number not in FAILURES else 504,
        account_id=f"customer-{number % 5}",
        endpoint="/vehicles/{vehicle_id}/unlock",
        app_version="7.2.1" if number % 3 else "7.3.0",
        api_release="1.0.0",
        **more,
    )


def _unlocks() -> list[Attempt]:
    unlocks = []
    for number in range(60):
        car, cause = FAILURES.get(number, (None, None))
        changes: dict[str, Any] = {
            "cause": cause,
            "revision": 1,
            "total_s": 20.0 if cause else 1.25 + number / 100,
            "firmware": "2.5.0" if number in FAILURES else "2.4.1",
            "region": "coast" if number % 7 in (3, 5) else "centre",
            "platform": _platform_side(number),
            "evidence": {"presence": "offline", "heard_ago_s": 74.0} if cause else {},
        }
        unlocks.append(unlock(number, car=car, **changes))
    revised = msgspec.structs.replace
    unlocks[10] = revised(unlocks[10], flags=(Flag.DUPLICATE,))
    unlocks[11] = revised(
        unlocks[11], flags=(Flag.ANSWERED_BY_ANOTHER,), evidence={"answered_by": "car-66"}
    )
    unlocks[12] = revised(unlocks[12], flags=(Flag.TOLD_OTHERWISE,))
    unlocks[13] = revised(
        unlocks[13], flags=(Flag.WOKEN,), platform=_platform_side(13, requests=3, woken_s=0.25)
    )
    judged_anew = revised(unlocks[41], cause=None, outcome="ok", total_s=2.0, revision=2)
    return [*unlocks, judged_anew]


def make_busy_store(directory: Path, *, packed: bool = True) -> Path:
    """Copy the store, as Parquet or as lines, into a directory, and return that."""
    shutil.copytree(_made(packed=packed), directory, dirs_exist_ok=True)
    return directory


@cache
def _made(*, packed: bool) -> Path:
    """Return the store that this process has made, until it ends.

    `TemporaryDirectory` would remove it in a forked child too, which forgets who holds it.
    """
    parent = Path(mkdtemp(prefix="busy-store-"))
    atexit.register(shutil.rmtree, parent, ignore_errors=True)
    return _make(parent / "store", packed=packed)


def _make(directory: Path, *, packed: bool) -> Path:
    put_unlocks(directory, _unlocks())
    for path in sorted(RECORDS.glob("*.jsonl")):
        put_lines(directory, path.stem, path.read_bytes().splitlines())
    if packed:
        kept(directory)
    return directory
