"""One place turns every exception into plain lines and an exit code, for both programs."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner, Result

from fleet_wire.command_line import MAX_LINE_LETTERS, MAX_LINES, TRACEBACK_VARIABLE, Program
from fleet_wire.errors import BrokerRefusedError, ConfigError, LimitError


def fails_with(error: BaseException) -> Result:
    """Run a program whose only command raises this error."""

    @click.group("demo", cls=Program, variables="DEMO_")
    def main() -> None:
        """Show how errors come out."""

    @main.command()
    def fail() -> None:
        """Fail."""
        raise error

    return CliRunner().invoke(main, ["fail"])


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (
            ConfigError(["f.yaml:3: seed: wrong", "more"]),
            2,
            "demo: f.yaml:3: seed: wrong\ndemo: more",
        ),
        (LimitError("5 files", "ulimit"), 2, "demo: 5 files\n  cure: ulimit"),
        (BrokerRefusedError(135, "no"), 2, "demo: no (MQTT reason code 135)"),
        (FileNotFoundError(2, "No such file", "x.txt"), 2, "demo: x.txt: No such file"),
        (OSError(28, "No space left on device"), 2, "demo: No space left on device"),
        (MemoryError(), 2, "demo: out of memory; ask for less at a time"),
        (KeyboardInterrupt(), 130, "demo: interrupted"),
        (BrokenPipeError(), 1, ""),
        (SystemExit(1), 1, ""),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_what_is_raised_on_purpose_says_itself(error: BaseException, code: int, said: str) -> None:
    """Each line with the name of the program, and no traceback."""
    result = fails_with(error)
    assert result.exit_code == code
    assert result.stderr.strip() == said


def test_a_defect_is_one_line_with_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable brings its traceback."""
    monkeypatch.setattr("fleet_wire.command_line.OUR_CODE", (__file__,))
    error = RuntimeError("two\nlines")
    (line,) = fails_with(error).stderr.splitlines()
    assert line.startswith(f"demo: a defect here, please report it: {__file__}:")
    assert "RuntimeError: two\\nlines; " in line
    monkeypatch.setenv(TRACEBACK_VARIABLE, "1")
    assert "Traceback (most recent call last)" in fails_with(error).stderr


def test_lines_are_few_and_short() -> None:
    """Whatever the length of what a user wrote, and however often."""
    lines = fails_with(ConfigError(["y" * 10_000] * 500)).stderr.splitlines()
    assert lines[-1] == f"demo: and {500 - MAX_LINES} more"
    assert len(lines) == MAX_LINES + 1
    assert max(map(len, lines)) <= MAX_LINE_LETTERS + 3


def test_text_that_nothing_can_hold_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """In arguments and in the program's own variables; those of others are theirs."""

    @click.group("demo", cls=Program, variables="DEMO_")
    def main() -> None:
        """Do nothing."""

    monkeypatch.setenv("OTHER", "\udcff")
    assert "argument 1 is not UTF-8 text" in CliRunner().invoke(main, ["\udcff"]).stderr
    monkeypatch.setenv("DEMO_X", "\udcff")
    assert "DEMO_X is not UTF-8 text" in CliRunner().invoke(main, []).stderr


def test_a_terminal_of_ascii_gets_escapes() -> None:
    """For what it has no letter for; rich and print know nothing of click's ways around it."""

    @click.group("demo", cls=Program)
    def main() -> None:
        """Print what ASCII lacks."""

    @main.command()
    def show() -> None:
        """Show a sign."""
        print("≤ 8")  # noqa: T201 - not by click

    result = CliRunner(charset="ascii").invoke(main, ["show"])
    assert (result.exit_code, result.stdout) == (0, "\\u2264 8\n")
