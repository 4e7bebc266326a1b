"""The settings of the console, as its page has them and as people get them wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleet_wire.errors import ConfigError
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


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{listen: here}", "expected HOST:PORT"),
        ("{listen: 0.0.0.0:1}", "anybody could look"),
        ("{proxy: {trusted: [proxy.example]}}", "as 10.1.2.3 or 10.0.0.0/8"),
        ("{proxy: {trusted: []}}", "at least 1"),
        ("{proxy: {trusted: [::1], roles: {a: boss}}}", "support"),
        ("{trace_url: https://traces.example/}", "every trace would be the same page"),
        ("{public_url: https://a.example/path}", "public_url"),
        ("{squads: [{name: a b, queries: [{title: x, query: y}]}]}", "letters, digits"),
        ("{squads: [{name: a, queries: [{title: x}]}]}", "name a query, or write its sql"),
        ("{squads: [{name: a, queries: [{title: x, sql: y, values: {a: b}}]}]}", "since"),
        ("{objective: 1}", "0.99999"),
        ("{lissen: 127.0.0.1:1}", "listen"),
    ],
)
def test_a_mistake_is_told(tmp_path: Path, text: str, problem: str) -> None:
    """With the file and the line, and what would do."""
    path = tmp_path / "probe.yaml"
    path.write_text(f"# the probe\nconsole: {text}\n")

    with pytest.raises(ConfigError) as told:
        load_settings(path)
    assert problem in str(told.value)
    assert f"{path}:2" in str(told.value)
