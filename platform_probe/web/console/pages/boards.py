"""Boards of squads: their list, each as a page, their editor, and links that show one to others."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from fleet_wire.contract.text import Text
from fleet_wire.errors import ConfigError
from platform_probe.boards.folder import SHIPPED, BoardFile
from platform_probe.boards.form import Board, Panel, chart_misfit, panel_problems, read_board
from platform_probe.settings.console import NAME
from platform_probe.store.duck import Rows
from platform_probe.tell.support.rows import unix_s
from platform_probe.texts.spoken_error import problem_texts, spoken_error
from platform_probe.texts.times import HOUR_S
from platform_probe.web.console.page_request import (
    Answer,
    Page,
    PageRequest,
    Redirect,
    SeriesWanted,
    forbidden,
    missing,
)
from platform_probe.web.console.pages.fleet import (
    ALL_LISTED,
    HOURS,
    Table,
    asked_hours,
    limit_of,
    rows_of_pinned,
    table_of,
)
from platform_probe.web.console.person import Permission, Person
from platform_probe.web.console.pictures import Curve, curve_of
from platform_probe.web.console.prometheus import SeriesQuestion

LINK: Final = Person("link", "squad", "link")
"""Anybody who opens a shared link: they see its board, and customers by no name."""
LINK_HOURS: Final = (24, 168, 720)
"""How long a link may open its board."""
MAX_TEXT: Final = 16_000
"""Letters of a board that is changed here: a form of ours holds them."""
SQL_S: Final = 50.0
"""The time for all SQL of a board: a page is answered within `ANSWER_S`."""
_MOST_DIGITS: Final = 12
_CHANGED: Final = Text(key="board.changed")
Found = Rows | ConfigError
Finish = Callable[["Sequence[DrawnPanel]"], Page]


@dataclass(frozen=True, slots=True)
class DrawnPanel:
    """A panel with its answer; without a table it is a text."""

    panel: Panel
    table: Table | None = None
    curves: Sequence[tuple[str, Curve | None]] = ()
    most: float = 0.0
    """The largest of the numbers that are bars."""


def boards_page(asked: PageRequest, _: str) -> Answer:
    """Return the list of boards, and where a squad begins a new one."""
    if not asked.may(Permission.SECRETS):
        return forbidden()
    squad, name = asked.query.get("squad", ""), asked.query.get("name", "")
    if squad and NAME.fullmatch(name) and may_change(asked, squad):
        return Redirect(f"/board/{squad}/{name}?edit=1")
    listed = [(file, *_title_of(file)) for file in asked.boards.files()]
    own = [one.name for one in asked.settings.squads if may_change(asked, one.name)]
    return Page("boards.html", {"listed": listed, "own": own, "is_wrong": bool(name)})


def _title_of(file: BoardFile) -> tuple[str, Text | None]:
    """Return the title of a board, and what is wrong with it."""
    try:
        return file.load().title, None
    except ConfigError as error:
        return file.name, problem_texts(error)[0]


def may_change(asked: PageRequest, squad: str) -> bool:
    """Return whether the person changes the boards of a squad: its members and admins do."""
    its = next((one for one in asked.settings.squads if one.name == squad), None)
    if its is None or asked.settings.boards_dir is None or not asked.may(Permission.SECRETS):
        return False
    return asked.person.role == "admin" or not {asked.person.name, asked.person.subject}.isdisjoint(
        its.members
    )


def board_page(asked: PageRequest, board_id: str) -> Answer:
    """Return a board, or its editor for those who may change it."""
    if not asked.may(Permission.SECRETS):
        return forbidden()
    file = asked.boards.file(board_id)
    text = None if file is None else file.text()
    if file is None:
        return missing("board", board_id)
    if "edit" in asked.query:
        if not may_change(asked, file.squad):
            return forbidden()
        start = (SHIPPED / "unlocks.yaml").read_text("utf-8") if text is None else text
        return _editor(file, start, _stamp(text))
    if text is None:
        return missing("board", board_id)
    board, span = file.load(), asked_hours(asked, file.load().hours)

    def finish(drawn: Sequence[DrawnPanel]) -> Page:
        may = may_change(asked, file.squad)
        values = {"file": file, "board": board, "drawn": drawn, "span": span, "hours": HOURS}
        return Page("board.html", {**values, "may_change": may, "link_hours": LINK_HOURS})

    return _with_series(asked, board, span, _answers(asked, board, span), finish)


def shared_page(asked: PageRequest, rest: str) -> Answer:
    """Return the board of a link: `SQUAD/NAME/UNTIL-SIGNATURE`."""
    board_id, _, token = rest.rpartition("/")
    until, _, signature = token.partition("-")
    file = asked.boards.file(board_id)
    until_s = int(until) if until.isdecimal() and len(until) <= _MOST_DIGITS else 0
    is_ours = file is not None and not file.ships and file.is_signed(until_s, signature)
    small = {"language": asked.language, "theme": asked.theme}
    if file is None or not is_ours or until_s < time.time() or file.text() is None:
        problem = {"problem": asked.say("board.link_void")}
        return Page("small_problem.html", {**small, **problem}, 403)
    board = file.load()
    span = asked.now_s - board.hours * HOUR_S, asked.now_s

    def finish(drawn: Sequence[DrawnPanel]) -> Page:
        values = {"board": board, "drawn": drawn, "span": span, "until_s": until_s}
        return Page("board_shared.html", {**small, **values}, look=("board", board_id))

    return _with_series(asked, board, span, _answers(asked, board, span), finish)


# Changes


def change_board(asked: PageRequest, board_id: str, *, form: Mapping[str, str]) -> Answer:
    """Handle a form of a board: preview, save, delete, share, revoke. Raises `ConfigError`."""
    file = asked.boards.file(board_id)
    if file is None or not may_change(asked, file.squad):
        return forbidden()
    act = form.get("do", "")
    if act in ("preview", "save"):
        return _edited(asked, file, form)
    if file.text() is None or act not in ("delete", "share", "revoke"):
        return missing("board", board_id)
    if act == "share":
        return _share(asked, file, form.get("hours", ""))
    asked.note(f"board_{act}", kind="board", id=board_id)
    if act == "delete":
        file.delete()
        return Redirect("/boards")
    file.revoke_links()
    return Redirect(f"/board/{board_id}")


def _share(asked: PageRequest, file: BoardFile, hours: str) -> Page:
    lasts = next((one for one in LINK_HOURS if str(one) == hours), LINK_HOURS[0])
    until_s = round(time.time() + lasts * HOUR_S)
    asked.note("board_share", kind="board", id=file.board_id, until=until_s)
    path = f"/shared/{file.board_id}/{until_s}-{file.signature(until_s)}"
    address = (asked.settings.public_url or "") + path
    values = {"file": file, "path": path, "address": address, "until_s": until_s}
    return Page("board_link.html", values)


def _edited(asked: PageRequest, file: BoardFile, form: Mapping[str, str]) -> Answer:
    """Return the preview of a text with what is wrong, or save what is right."""
    text, base = form.get("text", "").replace("\r\n", "\n"), form.get("base", "")
    if len(text) > MAX_TEXT:
        problem = Text(key="board.too_long", values={"count": len(text), "most": MAX_TEXT})
        return _editor(file, text, base, problems=[problem])
    try:
        document, board = read_board(text, Path(file.path.name))
    except ConfigError as error:
        return _editor(file, text, base, problems=problem_texts(error))
    span = asked.now_s - board.hours * HOUR_S, asked.now_s
    answers = _answers(asked, board, span)
    found = {id(panel): answer for panel, answer in zip(board.panels, answers, strict=True)}
    problems = panel_problems(document, board, lambda panel: _or_raise(found[id(panel)]))
    if form.get("do") == "save" and not problems:
        if base == _stamp(file.text()):
            asked.note("board_save", kind="board", id=file.board_id)
            file.save(text)
            return Redirect(f"/board/{file.board_id}")
        problems = [_CHANGED]

    def finish(drawn: Sequence[DrawnPanel]) -> Page:
        return _editor(file, text, base, problems=problems, board=board, drawn=drawn)

    return _with_series(asked, board, span, answers, finish)


def _editor(
    file: BoardFile,
    text: str,
    base: str,
    *,
    problems: Sequence[Text] = (),
    board: Board | None = None,
    drawn: Sequence[DrawnPanel] = (),
) -> Page:
    values: Mapping[str, Any] = {
        "file": file, "text": text, "base": base, "problems": problems, "board": board,
        "drawn": drawn,
    }  # fmt: skip
    return Page("board_edit.html", values, 400 if problems else 200)


def _stamp(text: str | None) -> str:
    """Return what tells one text of a file from another."""
    return hashlib.sha256((text or "").encode()).hexdigest()[:16]


def _or_raise(answer: Found | None) -> Rows | None:
    if isinstance(answer, ConfigError):
        raise answer
    return answer


# Answers and charts


def _answers(asked: PageRequest, board: Board, span: tuple[float, float]) -> list[Found | None]:
    """Return what the store answers to each panel; None for those that do not ask it."""
    end_s = time.monotonic() + SQL_S
    return [_answer(asked, panel, span, end_s - time.monotonic()) for panel in board.panels]


def _answer(
    asked: PageRequest, panel: Panel, span: tuple[float, float], left_s: float
) -> Found | None:
    if panel.query is None and panel.sql is None:
        return None
    if left_s < 1:
        return spoken_error("board.sql_time", seconds=f"{SQL_S:g}")
    limit = ALL_LISTED if panel.chart == "line" else limit_of(asked)
    try:
        return rows_of_pinned(asked, panel, span, limit=limit, most_s=left_s)
    except ConfigError as error:
        return error


def _with_series(
    asked: PageRequest,
    board: Board,
    span: tuple[float, float],
    answers: Sequence[Found | None],
    finish: Finish,
) -> Page | SeriesWanted:
    """Return what `finish` makes of the drawn panels, once Prometheus has answered its own."""
    questions = [SeriesQuestion(each, *span) for each in board.panels if each.promql is not None]

    def with_answers(series: Sequence[Found]) -> Page:
        waiting = iter(series)
        every = [
            next(waiting) if panel.promql is not None else answer
            for panel, answer in zip(board.panels, answers, strict=True)
        ]
        return finish(list(map(partial(_drawn, asked), board.panels, every)))

    return SeriesWanted(questions, with_answers) if questions else with_answers(())


def _drawn(asked: PageRequest, panel: Panel, found: Found | None) -> DrawnPanel:
    if found is None:
        return DrawnPanel(panel)
    if isinstance(found, ConfigError):
        return DrawnPanel(panel, Table(panel.title, problem=asked.problem(found)))
    if (misfit := chart_misfit(panel, found)) is not None:
        return DrawnPanel(panel, Table(panel.title, problem=asked.speaker.say(misfit)))
    table = table_of(panel.title, found)
    if panel.chart == "line":
        return DrawnPanel(panel, table, _curves(found))
    if panel.chart == "bars":
        most = max(float(row[1] or 0) for row in found.rows) if found.rows else 0.0
        return DrawnPanel(panel, table, most=most)
    return DrawnPanel(panel, table)


def _curves(found: Rows) -> list[tuple[str, Curve | None]]:
    """Return a curve for each column of numbers; None for one with fewer than two points."""
    curves = []
    for place, column in enumerate(found.columns[1:], start=1):
        values = [(unix_s(row[0]), row[place]) for row in found.rows]
        known = [(at_s, float(value)) for at_s, value in values if value is not None]
        from_zero = all(value >= 0 for _, value in known)
        curves.append((column, curve_of(sorted(known), from_zero=from_zero)))
    return curves
