"""docs/teach.md: its lines run in their order, and do what the page says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from platform_probe.store.schema import LABELS
from tests.helpers.labelled_fleet import make_labelled_store
from tests.helpers.pages import blocks, page, run_in_shell
from tests.helpers.places import ROOT

TEXT = page("teach.md")
NUMBER = re.compile(r"\d[\d.,:]*%?")


@pytest.mark.long
def test_a_stranger_labels_and_calibrates(tmp_path: Path) -> None:
    """A label counts until it is withdrawn; the output is the page's, but for its figures."""
    (tmp_path / "scenarios").symlink_to(ROOT / "scenarios")
    make_labelled_store(tmp_path / "store", 240)
    listing, label, withdrawal, queries, calibrate = blocks(TEXT, "bash")
    assert "regional_carrier_outage" in run_in_shell(listing, tmp_path)
    said = run_in_shell(f"{label}\n{withdrawal}", tmp_path)
    assert "regional_carrier_outage by jo; the diagnosis says" in said
    assert re.search(r"\nregional_carrier_outage +1 ", said)
    assert "label withdrawn by " in said
    assert (tmp_path / "runs/outage" / LABELS.run_file).read_bytes().count(b"\n") == 2
    assert run_in_shell(queries, tmp_path).count("share_right") == 3
    shown = next(block for block in blocks(TEXT, "text") if block.startswith("240 labels"))
    assert as_shape(run_in_shell(calibrate, tmp_path)) == as_shape(shown)


def as_shape(text: str) -> list[str]:
    """Return the words of an output without its figures."""
    return NUMBER.sub("N", text).split()
