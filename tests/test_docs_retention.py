"""docs/retention.md names every file that the monitor writes, and how long it is kept."""

from __future__ import annotations

import re
from typing import Any

import pytest

from platform_probe.settings.monitor import (
    BucketPart,
    JournalSettings,
    RotationSettings,
    StoreSettings,
)
from tests.helpers.pages import page
from tests.helpers.places import ROOT

KEPT = page("retention.md")
NAME = re.compile(r'^\w*FILE: Final = "([\w.]+)"', re.MULTILINE)
PARTS: dict[str, Any] = {
    "journal": JournalSettings,
    "rotation": RotationSettings,
    "s3": BucketPart,
    "store": StoreSettings,
}


def test_the_table_names_every_file() -> None:
    """Those in the store are named by their page."""
    found = {
        name
        for path in (ROOT / "platform_probe").rglob("*.py")
        if "store" not in path.parts
        for name in NAME.findall(path.read_text(encoding="utf-8"))
    }
    assert len(found) > 8
    assert [name for name in sorted(found) if f"`{name}`" not in KEPT] == []


@pytest.mark.parametrize(
    ("part", "key", "default"), re.findall(r"`(\w+)\.(\w+)` \(([\d,.]+)\)", KEPT)
)
def test_the_defaults_are_those_of_the_code(part: str, key: str, default: str) -> None:
    """A change of one is a change of the page."""
    assert PARTS[part].model_fields[key].default == float(default.replace(",", ""))
