"""The settings of the console, as its page has them and as people get them wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from platform_probe.settings.monitor import load_settings
from tests.helpers.pages import blocks, page


@pytest.mark.parametrize("text", blocks(page("console.md") + page("console-sign-in.md"), "yaml"))
def test_the_examples_of_the_pages_are_settings(tmp_path: Path, text: str) -> None:
    """Each block is a file that is taken."""
    path = tmp_path / "probe.yaml"
    path.write_text(text)

    console = load_settings(path).console
    assert console is not None
    assert console.asks_who
