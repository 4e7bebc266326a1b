"""The command line of a program: every failure becomes plain lines of text.

This is the one place where an exception becomes text and an exit code. What is raised on purpose
(`fleet_wire.errors`) says by itself where, and what to do. Anything else is a defect of ours: it
becomes one line too, with its place in the code.
"""

from __future__ import annotations

import gc
import io
import os
import resource
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, Final, NoReturn

import click

from fleet_wire.error_text import on_one_line, shortened, text_problem, with_place
from fleet_wire.errors import ConfigError, LimitError, UnlockpathError

EXPECTATION_FAILED: Final = 1
READER_GONE: Final = 1
USAGE_ERROR: Final = 2
INTERRUPTED: Final = 130
TRACEBACK_VARIABLE: Final = "UNLOCKPATH_TRACEBACK"
MAX_LINES: Final = 20
MAX_LINE_LETTERS: Final = 1_000
LEAST_OPEN_FILES: Final = 32
"""An event loop with its pipes, a log and two sockets take about 20."""
OUR_CODE: Final = tuple(
    f"{Path(__file__).parents[1] / package}/"
    for package in ("fleet_wire", "fleet_sim", "platform_probe")
)


class Program(click.Group):
    """A program with commands. Its errors are plain lines on stderr, each with the program's name.

    `table` has the line that each command has in lists: help, completion and suggestions read it
    alone. A command is imported when it is called: from the module of its name in `package`,
    where the function of its name is the command. `variables` is how the names of the program's
    environment variables begin.
    """

    def __init__(
        self,
        *args: Any,
        variables: str = "",
        package: str = "",
        table: Mapping[str, str] | None = None,
        context_settings: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> None:
        settings = {"help_option_names": ["-h", "--help"], **(context_settings or {})}
        super().__init__(*args, context_settings=settings, **options)
        self._variables = variables
        self._package = package
        self._table = table or {}
        for name, line in self._table.items():
            self.add_command(click.Command(name, short_help=line))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return name, command and the other arguments; import the command."""
        name = args[0]
        if name in self._table:
            function = name.replace("-", "_")
            self.add_command(getattr(_imported(f"{self._package}.{function}"), function))
        return super().resolve_command(ctx, args)

    def main(self, args: Sequence[str] | None = None, *rest: Any, **options: Any) -> NoReturn:
        """Run the command that the arguments name, and exit with its code."""
        _let_any_text_out()
        try:
            _check_texts(sys.argv[1:] if args is None else args, self._variables)
            _check_open_files()
            code = super().main(args, *rest, **{**options, "standalone_mode": False})
        except (click.Abort, KeyboardInterrupt):
            say_errors([f"{self.name}: interrupted"])
            code = INTERRUPTED
        except BrokenPipeError:  # the reader of the output has seen enough
            _drop_what_is_unwritten()
            code = READER_GONE
        except Exception as error:  # noqa: BLE001 - the one place
            _drop_what_is_unwritten()
            say_errors([*_traceback(error), *_lines(error, f"{self.name}: ")])
            code = error.exit_code if isinstance(error, click.ClickException) else USAGE_ERROR
        sys.exit(code if isinstance(code, int) else 0)


def _imported(name: str) -> ModuleType:
    """Import a module. Nothing that it makes is garbage: to look for some is a tenth of a start."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        return import_module(name)
    finally:
        if was_enabled:
            gc.enable()


def say_errors(lines: Sequence[str]) -> None:
    """Say lines on stderr. A long line is shortened to its beginning and its end."""
    with suppress(OSError):
        for line in lines:
            click.echo(shortened(on_one_line(line), MAX_LINE_LETTERS), err=True)


def _traceback(error: Exception) -> Iterator[str]:
    if os.environ.get(TRACEBACK_VARIABLE):
        for part in traceback.format_exception(error):
            yield from part.splitlines()


def _lines(error: Exception, begin: str) -> list[str]:
    """Return what to say about an error; `begin` names the program."""
    match error:
        case ConfigError(problems=problems):
            more = len(problems) - MAX_LINES
            and_more = [f"and {more} more"] if more > 0 else []
            return [f"{begin}{problem}" for problem in [*problems[:MAX_LINES], *and_more]]
        case UnlockpathError():
            return f"{begin}{error}".splitlines()
        case click.ClickException():
            usage = io.StringIO()
            error.show(usage)
            return usage.getvalue().splitlines()
        case OSError():
            return [f"{begin}{_problem_of(error)}"]
        case MemoryError():
            return [f"{begin}out of memory; ask for less at a time"]
    whole = f"{TRACEBACK_VARIABLE}=1 shows the whole traceback"
    return [f"{begin}a defect here, please report it: {with_place(error, *OUR_CODE)}; {whole}"]


def _problem_of(error: OSError) -> str:
    """Return what the system did not allow, and where; with a cure where click printed output."""
    why = error.strerror or str(error)
    frames = traceback.extract_tb(error.__traceback__)
    if frames[-1].filename == click.utils.__file__:
        cure = "send it to where there is room: df -h shows that"
        return f"the output could not be written to stdout: {why}; {cure}"
    return why if error.filename is None else f"{error.filename}: {why}"


def _let_any_text_out() -> None:
    """Write out as an escape what a terminal's encoding has no letter for."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _check_texts(arguments: Sequence[str], variables: str) -> None:
    """Raise `ConfigError` for text that no file, broker or log can hold."""
    named = [(f"argument {number}", text) for number, text in enumerate(arguments, start=1)]
    if variables:
        named += [(name, text) for name, text in os.environ.items() if name.startswith(variables)]
    problems = [f"{name} {problem}" for name, text in named if (problem := text_problem(text))]
    if problems:
        raise ConfigError(problems)


def _check_open_files() -> None:
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if allowed != resource.RLIM_INFINITY and allowed < LEAST_OPEN_FILES:
        raise LimitError(
            f"a process here may open {allowed} files, {LEAST_OPEN_FILES} are the least",
            "ulimit -n 1024  (in the shell that starts this)",
        )


def _drop_what_is_unwritten() -> None:
    """Keep Python from writing at its end what could not be written before."""
    if sys.stdout is not None:
        try:
            sys.stdout.flush()
        except OSError:
            with suppress(OSError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def write_file(path: Path, text: str, *, option: str) -> None:
    """Write a text. Raises `UnlockpathError` that names the option which says where."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UnlockpathError(f"{option} {path}: cannot be written: {error.strerror}") from None
