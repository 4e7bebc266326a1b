"""Say which of the pages that are written from the code differ from it; with `--renew` write them.

Renew them when a setting, a metric, a field or an event has changed, and read what differs.
"""

from __future__ import annotations

import sys

from tests.helpers.generated_pages import PAGES
from tests.helpers.places import ROOT

for name, write in PAGES.items():
    path, text = ROOT / name, write()
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        sys.stdout.write(f"{name} differs\n")
        if sys.argv[1:] == ["--renew"]:
            path.write_text(text, encoding="utf-8")
