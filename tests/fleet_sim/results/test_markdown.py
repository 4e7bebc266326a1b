"""Results as GitHub and GitLab show them beside a build."""

from __future__ import annotations

import pytest

from fleet_sim.results import markdown
from fleet_sim.results.junit import Case, Suite
from fleet_sim.results.markdown import markdown_of

GOOD = Suite(name="city", cases=[Case(name="the run ends")])
BAD = Suite(
    name="garage",
    cases=[
        Case(name="opened"),
        Case(name="p95 | <b>", failure="worse: 2 s in A,\n3 s in B"),
        Case(name="p50", error="no broker"),
    ],
)


def test_what_failed_comes_first() -> None:
    """Suites and cases; the headline has the counts, and no text acts as markup."""
    text = markdown_of("fleet-sim test", [GOOD, BAD])
    lines = text.splitlines()
    assert lines[0] == "## fleet-sim test: ✗ 2 of 4 fail"
    assert [line for line in lines if line.startswith("###")] == ["### garage", "### city"]
    marks = [line[2] for line in lines if line.startswith(("| ✗", "| ✓"))]
    assert marks == ["✗", "✗", "✓", "✓"]
    assert r"| ✗ | p95 \| \<b\> | worse: 2 s in A, 3 s in B |" in lines
    assert markdown_of("all", [GOOD]).startswith("## all: ✓ all 1 hold\n")


def test_a_page_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that are left out are those that hold."""
    monkeypatch.setattr(markdown, "MOST_ROWS", 2)
    rows = [line for line in markdown_of("all", [GOOD, BAD]).splitlines() if "| ✗ |" in line]
    assert len(rows) == 2
    assert "| ✓ |" not in markdown_of("all", [GOOD, BAD])
