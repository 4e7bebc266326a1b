"""The form of a board, and what is wrong with one: by file, line and key."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from types import NoneType
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from fleet_wire.config.errors import KeysClashError, validated_model
from fleet_wire.config.file import Document, Loc, load_document, parsed_document
from fleet_wire.contract.text import Text, Value
from fleet_wire.errors import ConfigError
from platform_probe.settings.console import PinnedQuery
from platform_probe.settings.section import Section
from platform_probe.store.duck import Rows
from platform_probe.store.queries import SPAN, named_in, query_named
from platform_probe.texts.catalogue import as_is
from platform_probe.texts.spoken_error import SpokenError, sentence_sequence

MAX_PANELS: Final = 20
MAX_LETTERS: Final = 2_000
"""The longest text of a board or a panel: the screen is for charts [E]."""
MAX_QUERY: Final = 8_000
RANGE: Final = "$__range"
"""The time of the board, in PromQL as in Grafana."""
_VARIABLE: Final = re.compile(r"\$\{?(\w+)")
_QUESTIONS: Final = ("query", "sql", "promql")
_NUMBERS: Final = (int, float, Decimal, NoneType)


def _sql_variables(sql: str) -> str:
    if unknown := sorted(named_in(sql) - {*SPAN}):
        raise ValueError(
            f"${unknown[0]} has no value here; use $since and $until, the board's time"
        )
    return sql


def _promql_variables(promql: str) -> str:
    unknown = [name for name in _VARIABLE.findall(promql) if f"${name}" != RANGE]
    if unknown:
        raise ValueError(f"${unknown[0]} has no value here; write the value, or use {RANGE}")
    return promql


def _known_query(name: str) -> str:
    try:
        query_named(name)
    except ConfigError as error:
        raise ValueError(str(error)) from None
    return name


class Panel(PinnedQuery):
    """A question with its chart, or a text alone."""

    text: str = Field("", max_length=MAX_LETTERS, description="what it shows, in plain words")
    query: Annotated[str, AfterValidator(_known_query)] | None = Field(
        None, description="the name of a predefined query, as `platform-probe query list` has them"
    )
    sql: Annotated[str, Field(max_length=MAX_QUERY), AfterValidator(_sql_variables)] | None = Field(
        None, description="or one SELECT; `$since` and `$until` are the time"
    )
    promql: (
        Annotated[str, Field(max_length=MAX_QUERY), AfterValidator(_promql_variables)] | None
    ) = Field(None, description="or PromQL for the console's Prometheus; `$__range` is the time")
    chart: Literal["table", "number", "line", "bars"] = Field(
        "table", description="how it is drawn"
    )
    unit: str = Field("", max_length=12, description="the unit of its numbers: %, s")

    @model_validator(mode="after")
    def _asks_one_thing(self) -> Self:  # in place of the one of PinnedQuery
        asked = [key for key in _QUESTIONS if getattr(self, key) is not None]
        if len(asked) > 1:
            raise KeysClashError("a panel asks one thing; make a panel of each", *asked)
        if not asked and not self.text:
            raise ValueError("asks nothing: write query, sql or promql, or a text")
        if self.values and self.query is None:
            raise KeysClashError("values are those of a query", "values")
        if self.query is not None:
            try:
                query_named(self.query).values(self.values, dict.fromkeys(SPAN))
            except ConfigError as error:
                raise KeysClashError(str(error), "values", "query") from None
        return self

    @property
    def question_key(self) -> str | None:
        """The key with its question; None for a text."""
        return next((key for key in _QUESTIONS if getattr(self, key) is not None), None)


class Board(Section):
    """A page of panels."""

    title: str = Field(min_length=1, max_length=100)
    text: str = Field("", max_length=MAX_LETTERS, description="what it is about, in plain words")
    hours: int = Field(24, ge=1, le=24 * 366, description="its time: so many hours until now")
    panels: tuple[Panel, ...] = Field(min_length=1, max_length=MAX_PANELS)


def load_board(path: Path) -> tuple[Document, Board]:
    """Return a board's file and what it says. Raises `ConfigError` with line and key."""
    document = load_document(path)
    return document, validated_model(document, Board)


def read_board(text: str, path: Path) -> tuple[Document, Board]:
    """Return what a text says, of which errors say that it is the file `path`."""
    document = parsed_document(text.encode(), path)
    return document, validated_model(document, Board)


def panel_problems(
    document: Document, board: Board, find: Callable[[Panel], Rows | None]
) -> list[Text]:
    """Return what is wrong with the questions, by line and key; `find` asks one, or raises."""
    problems = []
    for number, panel in enumerate(board.panels):
        key = panel.question_key
        if key is None:
            continue
        try:
            rows = find(panel)
        except ConfigError as error:
            problems.append(_problem_at(document, ("panels", number, key), _text_of(error)))
            continue
        misfit = None if rows is None else chart_misfit(panel, rows)
        if misfit is not None:
            place = "chart" if "chart" in panel.model_fields_set else key
            problems.append(_problem_at(document, ("panels", number, place), misfit))
    return problems


def _text_of(error: ConfigError) -> Text:
    """Return what an answer says is wrong; its key says already that it is SQL or PromQL."""
    if isinstance(error, SpokenError):
        return sentence_sequence(*error.texts)
    return as_is(" ".join(re.sub("^(Prom|S)QL: ", "", each) for each in error.problems[:2]))


def _problem_at(document: Document, loc: Loc, problem: Text) -> Text:
    """Return a problem with its file, line and key."""
    place = document.problem(loc, "").strip()
    return Text(key="board.problem", values={"place": place, "problem": problem})


def chart_misfit(panel: Panel, rows: Rows) -> Text | None:
    """Return why a chart cannot show these rows; None where it can."""
    if panel.chart == "number" and (len(rows.rows) > 1 or not rows.is_whole):
        return Text(key="board.number_misfit")
    if panel.chart not in ("line", "bars"):
        return None
    needs = Text(key=f"board.{panel.chart}_misfit")
    if len(rows.columns) < 2:  # noqa: PLR2004 - a place and a number
        columns = ", ".join(rows.columns)
        return sentence_sequence(needs, Text(key="board.few_columns", values={"columns": columns}))
    last = len(rows.columns) if panel.chart == "line" else 2
    for row in rows.rows:
        wrong = [place for place in range(1, last) if not isinstance(row[place], _NUMBERS)]
        if panel.chart == "line" and not isinstance(row[0], datetime):
            wrong.insert(0, 0)
        if wrong:
            its: dict[str, Value] = {
                "column": rows.columns[wrong[0]],
                "value": str(row[wrong[0]])[:40],
            }
            return sentence_sequence(needs, Text(key="board.wrong_column", values=its))
    return None
