"""Say which of the pages that are written from the code differ from it; with `--renew` write them.

Renew them when a setting, a metric, a field or an event has changed, and read what differs.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from tests.helpers.generated_pages import PAGES, RENEW
from tests.helpers.places import ROOT


def main(arguments: Sequence[str], root: Path = ROOT) -> int:
    """Compare, or write; return the exit code: 1 where a page still differs."""
    is_renewing = list(arguments) == ["--renew"]
    differing = 0
    for name, write in PAGES.items():
        path, text = root / name, write()
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        if is_renewing:
            path.write_text(text, encoding="utf-8")
        sys.stdout.write(f"{name} {'renewed' if is_renewing else f'differs; {RENEW}'}\n")
        differing += not is_renewing
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
