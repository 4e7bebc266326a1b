"""Print the digests of a few golden scenarios; `--renew [NAME...]` writes those of all, or of some.

Renew them when a change to the model is meant to change what runs do, and say so in its commit.
"""

from __future__ import annotations

import sys

from tests.helpers.golden import (
    FILE,
    IN_EVERY_PROCESS,
    as_text,
    expected_digests,
    found_digests,
)
from tests.helpers.virtual_runs import SCENARIOS


def main() -> None:
    """Renew digests and name those that differ, or print a few."""
    match sys.argv[1:]:
        case ["--renew", *names]:
            before = expected_digests()
            found = found_digests(names or [*SCENARIOS])
            kept = {name: before[name] for name in SCENARIOS if name in before}
            FILE.write_text(as_text(dict(sorted((kept | found).items()))), encoding="utf-8")
            changed = [name for name in found if found[name] != before.get(name)]
            sys.stdout.write(f"{len(found)} digests, new: {', '.join(changed) or 'none'}\n")
        case _:
            sys.stdout.write(as_text(found_digests(IN_EVERY_PROCESS)))


if __name__ == "__main__":
    main()
