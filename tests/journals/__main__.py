"""Write what is judged today of journals that releases recorded: `--renew`.

Renew them when a change is meant to change judgements, read what differs, and say it in the
changelog. `--record RELEASE` records journals when a release is made.
"""

from __future__ import annotations

import sys

from tests.helpers.recorded_journals import record, recorded_journals, renew


def main() -> None:
    """Renew or record."""
    match sys.argv[1:]:
        case ["--record", release]:
            record(release)
        case ["--renew"]:
            for directory in recorded_journals():
                renew(directory)
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
