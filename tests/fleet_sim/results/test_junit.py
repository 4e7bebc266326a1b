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


@given(st.text())
def test_any_text_gives_a_file_that_parses(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    """Control characters and markup in a name or in a message break nothing."""
    path = tmp_path_factory.mktemp("junit") / "result.xml"
    root = written(path, Suite(name=text, cases=[Case(name=text, failure=text)]))
    message = root.find("testsuite/testcase/failure").get("message")  # type: ignore[union-attr]
    assert message == "".join(char if char.isprintable() else " " for char in text)
