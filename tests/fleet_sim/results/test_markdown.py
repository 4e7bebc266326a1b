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
    """Suites and cases; the headline has the counts."""
    lines = markdown_of("fleet-sim test", [GOOD, BAD]).splitlines()
    assert lines[0] == "## fleet-sim test: ✗ 2 of 4 fail"
    headings = [line for line in lines if line.startswith("###")]
    assert headings == ["### garage", "### city"]
    assert [line[2] for line in lines if line.startswith(("| ✗", "| ✓"))] == [
        "✗", "✗", "✓", "✓",
    ]  # fmt: skip


def test_nothing_acts_as_markdown_or_html() -> None:
    """A row is one line, whatever stands in it."""
    text = markdown_of("all", [BAD])
    assert r"| ✗ | p95 \| \<b\> | worse: 2 s in A, 3 s in B |" in text


def test_all_hold() -> None:
    """The headline says so."""
    assert markdown_of("all", [GOOD]).startswith("## all: ✓ all 1 hold\n")


def test_a_page_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that are left out are those that hold."""
    monkeypatch.setattr(markdown, "MOST_ROWS", 2)
    rows = [line for line in markdown_of("all", [GOOD, BAD]).splitlines() if "| ✗ |" in line]
    assert len(rows) == 2
    assert "| ✓ |" not in markdown_of("all", [GOOD, BAD])
