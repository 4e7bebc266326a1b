"""Export each mode from its shipped scenario, once for each cause, and print what is seen again.

`.venv/bin/python -m tests.exported [MODE ...]`, about three minutes for all. A row is a mode, the
cause that its unlocks had, how many, how many of them the monitor diagnosed right, and what the
unlocks that the fault touched in the exported run ended of. The exit code is 0 where every mode
shows again, with the cause of most unlocks that it failed.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from fleet_wire.modes.catalogue import MODES
from tests.helpers.exported import Again, export_and_run, run_shipped, touched_in


def main() -> int:
    """Do it, and print the table."""
    again: list[Again] = []
    firsts: list[Again] = []
    if unknown := {*sys.argv[1:]} - {*MODES}:
        sys.exit(f"no failure mode: {', '.join(sorted(unknown))}\n\n{__doc__}")
    for mode in sys.argv[1:] or MODES:
        with tempfile.TemporaryDirectory(prefix="exported-") as name:
            original = Path(name) / "original"
            run_shipped(mode, original)
            for number, touched in enumerate(touched_in(original, mode)):
                one = export_and_run(mode, touched, original, Path(name) / f"again-{number}")
                again.append(one)
                if not number:
                    firsts.append(one)
                print(_row(one), flush=True)  # noqa: T201 - the table is what it is for
    unlocks = sum(one.touched.number for one in again)
    print(  # noqa: T201
        f"modes seen again: {sum(one.shows for one in firsts)} of {len(firsts)};"
        f" modes with each cause: {sum(one.shows for one in again)} of {len(again)};"
        f" true mode ranked first: {sum(one.touched.named for one in again)} of {unlocks} unlocks"
    )
    return 0 if all(one.shows for one in firsts) else 1


def _row(one: Again) -> str:
    seen = "again" if one.shows else "NOT"
    causes = ", ".join(f"{cause} {number}" for cause, number in sorted(one.causes.items()))
    touched = one.touched
    return f"{one.mode:34}{touched.ended:18}{touched.number:4}{touched.named:5}  {seen:7}{causes}"


if __name__ == "__main__":
    sys.exit(main())
