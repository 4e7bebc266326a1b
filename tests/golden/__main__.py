"""Print digests of every byte of a few golden scenarios, or renew those of what happened.

`--renew [NAME...]` writes the digests of all scenarios, or of some, and says of each that differs
which fields do. The runs before are those of the commit that renewed the digests last. `--rows
NAME...` prints the fields that a digest covers.

Renew digests when a change to the model is meant to change what runs do, and say so in its commit.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import msgspec

from tests.helpers.golden import (
    FILE,
    as_text,
    differences,
    digest,
    digests_of_bytes,
    expected_digests,
    found_rows,
    rows_before,
)
from tests.helpers.virtual_runs import SCENARIOS


def main() -> None:
    """Renew digests and say what differs, or print digests or rows."""
    match sys.argv[1:]:
        case ["--renew", *names]:
            _renew(names or [*SCENARIOS])
        case ["--rows", *names]:
            sys.stdout.buffer.write(msgspec.json.encode(found_rows(names)))
        case _:
            sys.stdout.write(as_text(digests_of_bytes()))


def _renew(names: Sequence[str]) -> None:
    """Write the digests of these scenarios, and drop those of scenarios that are gone."""
    before = expected_digests()
    rows = found_rows(names)
    found = {name: digest(its) for name, its in rows.items()}
    new = [name for name in found if name not in before]
    changed = [name for name in found if before.get(name, found[name]) != found[name]]
    for name, old in (rows_before(changed) if changed else {}).items():
        sys.stdout.write(f"{name}\n")
        sys.stdout.writelines(f"  {line}\n" for line in differences(old, rows[name]))
    kept = {name: before[name] for name in SCENARIOS if name in before}
    FILE.write_text(as_text(dict(sorted((kept | found).items()))), encoding="utf-8")
    said = f"new: {', '.join(new) or 'none'}; changed: {', '.join(changed) or 'none'}"
    sys.stdout.write(f"{len(found)} digests, {said}\n")


if __name__ == "__main__":
    main()
