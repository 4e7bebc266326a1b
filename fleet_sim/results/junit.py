"""Results as JUnit XML, which build servers read.

The elements are those that Jenkins, GitLab and GitHub's reporters have in common: `testsuites`,
`testsuite`, `testcase`, `failure` and `error` (https://github.com/testmoapp/junitxml).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

from fleet_sim.results.readable import printable


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One test: `failure` says what does not hold, `error` why nobody knows whether it does."""

    name: str
    duration_s: float = 0.0
    failure: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """Tests that belong together."""

    name: str
    cases: Sequence[Case]


def write_junit(path: Path, name: str, suites: Sequence[Suite]) -> None:
    """Write the suites into a file, whole or not at all. Raises `OSError`."""
    cases = [case for suite in suites for case in suite.cases]
    root = ET.Element("testsuites", {"name": name, **_counts(cases)})
    for suite in suites:
        node = ET.SubElement(
            root, "testsuite", {"name": printable(suite.name), **_counts(suite.cases)}
        )
        for case in suite.cases:
            _add_case(node, suite.name, case)
    ET.indent(root)
    temporary = path.with_name(f"{path.name}.tmp")
    ET.ElementTree(root).write(temporary, encoding="utf-8", xml_declaration=True)
    temporary.replace(path)


def _counts(cases: Sequence[Case]) -> dict[str, str]:
    return {
        "tests": str(len(cases)),
        "failures": str(sum(case.failure is not None for case in cases)),
        "errors": str(sum(case.error is not None for case in cases)),
        "time": f"{sum(case.duration_s for case in cases):.3f}",
    }


def _add_case(suite: ET.Element, suite_name: str, case: Case) -> None:
    names = {"classname": printable(suite_name), "name": printable(case.name)}
    node = ET.SubElement(suite, "testcase", {**names, "time": f"{case.duration_s:.3f}"})
    for kind, message in (("failure", case.failure), ("error", case.error)):
        if message is not None:
            ET.SubElement(node, kind, {"message": printable(message)})
