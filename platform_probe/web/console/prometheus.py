"""Asks a Prometheus what boards show, by its HTTP API; its answers become rows as of a table."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

import msgspec

from fleet_wire.errors import ConfigError
from fleet_wire.web.client import HttpClient, NoAnswerError
from platform_probe.boards.form import RANGE, Panel
from platform_probe.store.duck import Rows
from platform_probe.tell.support.rows import utc
from platform_probe.texts.spoken_error import spoken_error

TIMEOUT_S: Final = 5.0
"""All panels of a page together: nobody waits longer for a page that lacks some [E]."""
MAX_SERIES: Final = 12
"""Series of a panel that are shown [E]."""
POINTS: Final = 200
"""Points of a line: as many as a screen can show apart [E]."""
_LEAST_STEP_S: Final = 15
_FORM: Final = {"Content-Type": "application/x-www-form-urlencoded"}
_NONE_SET: Final = spoken_error("board.no_prometheus")
_Sample = tuple[float, str]


class _Series(msgspec.Struct):
    metric: dict[str, str]
    value: _Sample | None = None
    values: list[_Sample] = []


class _Data(msgspec.Struct):
    resultType: str  # noqa: N815 - as Prometheus writes it
    result: list[Any]


class _Answer(msgspec.Struct):
    status: str
    data: _Data | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class SeriesQuestion:
    """The PromQL of a panel, over a time in Unix seconds."""

    panel: Panel
    since_s: float
    until_s: float


class Prometheus:
    """Answers panels. Make it where the event loop runs; without a URL it answers none."""

    def __init__(self, url: str | None) -> None:
        parts = urlsplit(url or "")
        self._path = parts.path
        self._client = None if url is None else HttpClient(f"{parts.scheme}://{parts.netloc}")

    async def ask(self, questions: Sequence[SeriesQuestion]) -> list[Rows | ConfigError]:
        """Return the answer to each question, or why there is none."""
        return await asyncio.gather(*map(self._ask, questions))

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.close()

    async def _ask(self, question: SeriesQuestion) -> Rows | ConfigError:
        if self._client is None:
            return _NONE_SET
        path, form = _request_of(question)
        try:
            answer = await self._client.request(
                "POST",
                f"{self._path}/api/v1/{path}",
                timeout_s=TIMEOUT_S,
                headers=_FORM,
                body=urlencode(form).encode(),
            )
            return _rows_of(msgspec.json.decode(answer.body, type=_Answer), question.panel)
        except NoAnswerError as error:
            its = {"seconds": f"{TIMEOUT_S:g}", "error": str(error)}
            return spoken_error("board.prometheus_silent", **its)
        except (msgspec.MsgspecError, ValueError, OverflowError, OSError):
            return spoken_error("board.not_prometheus", status=answer.status)
        except ConfigError as error:
            return error


def _request_of(question: SeriesQuestion) -> tuple[str, Mapping[str, str]]:
    span_s = question.until_s - question.since_s
    promql = (question.panel.promql or "").replace(RANGE, f"{max(span_s, 1):.0f}s")
    if question.panel.chart != "line":
        return "query", {"query": promql, "time": f"{question.until_s:.3f}"}
    step_s = max(_LEAST_STEP_S, round(span_s / POINTS))
    start, end = f"{question.since_s:.3f}", f"{question.until_s:.3f}"
    return "query_range", {"query": promql, "start": start, "end": end, "step": str(step_s)}


def _rows_of(answer: _Answer, panel: Panel) -> Rows:
    """Return an answer as rows: as many series as are shown. Raises `ConfigError`."""
    if answer.status != "success" or answer.data is None:
        raise ConfigError([f"PromQL: {answer.error}"])
    kind, result = answer.data.resultType, answer.data.result
    if kind in ("scalar", "string"):
        result = [{"metric": {}, "value": result}]
    series = msgspec.convert(result, list[_Series])
    is_whole = len(series) <= MAX_SERIES
    names = [_name_of(one.metric) for one in series[:MAX_SERIES]]
    if panel.chart == "line":
        return Rows(("time", *names), _points(series[:MAX_SERIES]), is_whole)
    values = [None if one.value is None else _number(one.value[1]) for one in series[:MAX_SERIES]]
    if panel.chart == "number":
        return Rows(tuple(names), [tuple(values)] if values else [], is_whole)
    return Rows(("series", "value"), list(zip(names, values, strict=True)), is_whole)


def _points(series: Sequence[_Series]) -> list[tuple[Any, ...]]:
    """Return a row for each time at which any series has a value."""
    points = [{at: _number(text) for at, text in one.values} for one in series]
    return [
        (utc(at), *(one.get(at) for one in points)) for at in sorted(set[float]().union(*points))
    ]


def _number(text: str) -> float | None:
    """Return a value; None for what is no number, as a share of nothing."""
    value = float(text)
    return value if value - value == 0 else None


def _name_of(labels: Mapping[str, str]) -> str:
    """Return what a series is called: the values of its labels, else the name of its metric."""
    name = labels.get("__name__", "value")
    return ", ".join(text for label, text in sorted(labels.items()) if label != "__name__") or name
