"""`platform-probe board`: checks and shows boards of squads, and writes them for Grafana."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Final

import click

from fleet_wire.command_line import write_file
from fleet_wire.config.file import Document
from fleet_wire.contract.text import Text
from fleet_wire.errors import ConfigError
from fleet_wire.printing import json_text
from platform_probe.boards.asking import answer_of, empty_store
from platform_probe.boards.folder import SHIPPED, BoardFile, BoardFolder
from platform_probe.boards.form import Board, Panel, load_board, panel_problems
from platform_probe.boards.grafana import grafana_dashboard
from platform_probe.commands.asking import StoreOptions, StoreQuestion, store_options
from platform_probe.commands.promql import promql_answers
from platform_probe.commands.query import printable_rows, table_of
from platform_probe.settings.console import NAME
from platform_probe.settings.monitor import load_settings
from platform_probe.store.duck import Rows
from platform_probe.store.reading import Source, Span
from platform_probe.texts.catalogue import LANGUAGES, say_in
from platform_probe.texts.spoken_error import SpokenError, problem_texts
from platform_probe.texts.times import HOUR_S

_CHECK_PROMQL: Final = "To check it, give --prometheus URL, or install promtool."
_HOW: Final = "A board is a file, or the name of one that ships, as examples/unlocks."


@click.group()
def board() -> None:
    """Check and show boards: files of questions with charts, which squads make.

    \b
    platform-probe board list
    platform-probe board show examples/unlocks --store store
    platform-probe board check boards/connectivity/coast.yaml --store store
    platform-probe board export boards/connectivity/coast.yaml --grafana coast.json
    """  # noqa: D301 - click's own escape


@board.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option(
    "--prometheus", metavar="URL",
    help="Where PromQL is tried.  [default: console.prometheus_url of --config, else promtool]",
)  # fmt: skip
@store_options
def check(files: Sequence[str], prometheus: str | None, store: StoreOptions) -> None:
    """Say what is wrong with boards: file, line, key, and what to do.

    SQL is tried in the store of --store or --config, else in one without records: there a chart
    that does not fit to its rows is not found. PromQL is tried at a Prometheus, else by promtool.
    """
    console = load_settings(store.config).console if store.config is not None else None
    if prometheus is None and console is not None:
        prometheus = console.prometheus_url
    named = store.directory is not None or store.config is not None
    asked = store.question() if named else None
    problems: list[Text] = []
    unchecked: list[str] = []
    with nullcontext(asked.source) if asked is not None else empty_store() as source:
        for name in files:
            try:
                document, its = load_board(_file_of(name).path)
            except ConfigError as error:
                problems += problem_texts(error)
                continue
            span = Span(0.0, 0.0) if asked is None else _span_of(asked, its)
            series = promql_answers(its, prometheus)
            find = partial(_answer_or_error, source=source, span=span, series=series or {})
            problems += panel_problems(document, its, find)
            unchecked += _promql_places(document, its) if series is None else []
    if problems:
        raise SpokenError(*problems)
    click.echo(f"{len(files)} right")
    if unchecked:
        click.echo(f"PromQL not checked: {', '.join(unchecked)}\n{_CHECK_PROMQL}")


@board.command("list")
@click.option(
    "--config", type=click.Path(path_type=Path), metavar="FILE",
    help="Settings with console.boards_dir; without it only the boards that ship.",
)  # fmt: skip
def list_boards(config: Path | None) -> None:
    """List boards: those that ship, and those of squads."""
    folder = _folder_of(config)
    if folder.missing is not None:
        problem = say_in(LANGUAGES[0])("board.directory_missing", path=folder.missing)
        click.echo(f"platform-probe: {problem}", err=True)
    for file in folder.files():
        try:
            title = file.load().title
        except ConfigError as error:
            title = f"(wrong) {error.problems[0]}"
        click.echo(f"{file.board_id}  {title}")


@board.command(epilog=_HOW)
@click.argument("name", metavar="BOARD")
@store_options
def show(name: str, store: StoreOptions) -> None:
    """Show a board in the terminal: its texts, and its answers as tables."""
    document, its = load_board(_file_of(name, store.config).path)
    asked = store.question()
    span = _span_of(asked, its)
    click.echo(f"{its.title}\n{its.text}".strip())
    answers: dict[int, Rows | None] = {}

    def find(panel: Panel) -> Rows | None:
        answers[id(panel)] = rows = answer_of(panel, asked.source, span)
        return rows

    problems = panel_problems(document, its, find)
    for panel in its.panels:
        click.echo(f"\n{panel.title}\n{panel.text}".rstrip())
        rows = answers.get(id(panel))
        if panel.promql is not None:
            click.echo(f"(the console asks Prometheus) {panel.promql}")
        elif rows is not None:
            click.echo(table_of(rows.columns, printable_rows(rows, asked.zone)))
    if problems:
        raise SpokenError(*problems)


@board.command(epilog=_HOW)
@click.argument("name", metavar="BOARD")
@click.option(
    "--grafana", "target", type=click.Path(path_type=Path), required=True, metavar="FILE",
    help="The JSON of a Grafana dashboard.",
)  # fmt: skip
def export(name: str, target: Path) -> None:
    """Write a board for Grafana: PromQL as panels; what asks the store as text."""
    file = _file_of(name)
    dashboard = grafana_dashboard(load_board(file.path)[1], file.name)
    write_file(target, json_text(dashboard) + "\n", option="--grafana")
    click.echo(f"{target} written")


def _file_of(name: str, config: Path | None = None) -> BoardFile:
    """Return the file that a command line names: itself, or a board that `list` lists."""
    path = Path(name)
    found = _folder_of(config).file(name)
    if found is not None and found.path.exists() and not path.exists():
        return found
    if not path.exists():
        names = ", ".join(sorted(f"examples/{each.stem}" for each in SHIPPED.glob("*.yaml")))
        raise ConfigError([f"{name}: no such file; the boards that ship are {names}"])
    return BoardFile("", path.stem if NAME.fullmatch(path.stem) else "board", path)


def _folder_of(config: Path | None) -> BoardFolder:
    console = load_settings(config).console if config is not None else None
    return BoardFolder(None if console is None else console.boards_dir)


def _answer_or_error(
    panel: Panel, source: Source, span: Span, series: Mapping[int, Rows | ConfigError | None]
) -> Rows | None:
    """Return what a store answers, or a Prometheus. Raises `ConfigError`."""
    found = series.get(id(panel))
    if isinstance(found, ConfigError):
        raise found
    return answer_of(panel, source, span) if found is None else found


def _promql_places(document: Document, its: Board) -> list[str]:
    """Return where a board asks Prometheus, by file and line."""
    panels = enumerate(its.panels)
    asked = [("panels", number, "promql") for number, one in panels if one.promql is not None]
    return [f"{document.path}:{document.line_of(loc)}" for loc in asked]


def _span_of(asked: StoreQuestion, its: Board) -> Span:
    until_s = asked.source.newest_s()
    return Span(until_s - its.hours * HOUR_S, until_s)
