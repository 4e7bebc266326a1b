"""Results as a build server reads them."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet_sim.results.junit import Case, Suite, write_junit
from tests.helpers.junit import read_junit


def written(path: Path, *suites: Suite) -> ET.Element:
    """Write the suites and return the root of the file."""
    write_junit(path, "all", suites)
    return read_junit(path)


def test_counts_and_messages(tmp_path: Path) -> None:
    """Each suite and the whole count their tests; a failure is apart from an error."""
    root = written(
        tmp_path / "result.xml",
        Suite(
            name="city",
            cases=[
                Case(name="the run ends", duration_s=2.5),
                Case(name="attempts.ok_share ≥ 0.9", failure="attempts.ok_share is 0.5"),
            ],
        ),
        Suite(name="garage", cases=[Case(name="the run ends", duration_s=1.0, error="no broker")]),
    )
    counts = {"tests": "3", "failures": "1", "errors": "1", "time": "3.500"}
    assert root.attrib == {"name": "all", **counts}
    city, garage = root.findall("testsuite")
    assert (city.get("failures"), city.get("errors"), city.get("time")) == ("1", "0", "2.500")
    failing = city.findall("testcase")[1]
    assert failing.attrib == {
        "classname": "city", "name": "attempts.ok_share ≥ 0.9", "time": "0.000"
    }  # fmt: skip
    assert [(each.tag, each.get("message")) for each in failing] == [
        ("failure", "attempts.ok_share is 0.5")
    ]
    assert garage.find("testcase/error[@message='no broker']") is not None
    assert [path.name for path in tmp_path.iterdir()] == ["result.xml"]


@given(st.text())
def test_any_text_gives_a_file_that_parses(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    """Control characters and markup in a name or in a message break nothing."""
    path = tmp_path_factory.mktemp("junit") / "result.xml"
    root = written(path, Suite(name=text, cases=[Case(name=text, failure=text)]))
    message = root.find("testsuite/testcase/failure").get("message")  # type: ignore[union-attr]
    assert message == "".join(char if char.isprintable() else " " for char in text)
