"""Results as Markdown, which GitHub and GitLab show beside a build."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from fleet_sim.results.junit import Case, Suite

MOST_ROWS: Final = 1_000
"""GitHub shows one mebibyte of a summary; a row has a few hundred bytes."""
_ACTIVE: Final = re.compile(r"([\\`*_\[\]<>|~&])")
"""Characters with a meaning in Markdown, or in HTML within it."""


def markdown_of(name: str, suites: Sequence[Suite]) -> str:
    """Return a table for each suite, with what failed first."""
    cases = [case for suite in suites for case in suite.cases]
    failed = sum(_is_bad(case) for case in cases)
    head = f"✗ {failed} of {len(cases)} fail" if failed else f"✓ all {len(cases)} hold"
    return "\n".join([f"## {_plain(name)}: {head}", *_tables(suites)]) + "\n"


def _tables(suites: Sequence[Suite]) -> Iterator[str]:
    left = MOST_ROWS
    for suite in sorted(suites, key=lambda each: not any(map(_is_bad, each.cases))):
        rows = sorted(suite.cases, key=lambda case: not _is_bad(case))[:left]
        if not rows:
            continue
        left -= len(rows)
        yield from ("", f"### {_plain(suite.name)}", "", "| | | |", "|---|---|---|")
        yield from (_row(case) for case in rows)


def _row(case: Case) -> str:
    why = case.failure or case.error or ""
    return f"| {'✗' if _is_bad(case) else '✓'} | {_plain(case.name)} | {_plain(why)} |"


def _is_bad(case: Case) -> bool:
    return case.failure is not None or case.error is not None


def _plain(text: str) -> str:
    """Return a text that stands as it is, in one line."""
    return _ACTIVE.sub(r"\\\1", " ".join(text.split()))
