"""Print the digests of the golden scenarios; with `--renew` write them to `digests.json`.

Renew them when a change to the model is meant to change what runs do, and say so in its commit.
"""

from __future__ import annotations

import sys

from tests.helpers.golden import FILE, as_text, found_digests

text = as_text(found_digests())
sys.stdout.write(text)
if sys.argv[1:] == ["--renew"]:
    FILE.write_text(text, encoding="utf-8")
