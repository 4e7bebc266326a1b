"""Say what is judged otherwise of journals that releases recorded; `--renew` writes it.

Renew them when a change is meant to change judgements, read what differs, and say it in the
changelog. `--record RELEASE` records journals when a release is made.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from tests.helpers.recorded_journals import (
    differences,
    found_judgements,
    record,
    recorded_journals,
    renew,
)


def main(arguments: Sequence[str]) -> int:
    """Compare, renew or record; return the exit code: 1 where something differs."""
    differing = 0
    match arguments:
        case ["--record", release]:
            record(release)
        case ["--renew"]:
            for directory in recorded_journals():
                sys.stdout.writelines(f"{line}\n" for line in renew(directory))
        case _:
            for directory in recorded_journals():
                changed = [*differences(directory, found_judgements(directory))]
                differing += bool(changed)
                sys.stdout.writelines(f"{line}\n" for line in changed)
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
