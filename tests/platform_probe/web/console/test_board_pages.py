"""Boards that ask Prometheus, and how long a link opens one; `board_editing.txt` has the others."""

from __future__ import annotations

import re
from contextlib import AbstractContextManager
from html import unescape
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs

import msgspec
import pytest

from fleet_sim.broker.process import free_port
from platform_probe.boards.folder import BoardFolder
from platform_probe.boards.form import Panel
from platform_probe.store.duck import Rows
from platform_probe.web.console.prometheus import Prometheus, SeriesQuestion
from tests.helpers.consoles import Visitor, served
from tests.helpers.http_thread import QuietHandler, served_by
from tests.helpers.own_commands import run_here
from tests.helpers.stack import Api, running, until_up

BOARD: Final = "/board/connectivity/coast"
WORDS: Final = "title: Coast\npanels:\n  - {title: Words, text: Ask the operator.}\n"


def boards_at(store: Path, directory: Path, **settings: Any) -> AbstractContextManager[str]:
    """Serve a console with a squad whose boards lie in a directory."""
    return served(
        store, directory / "audit.jsonl", boards_dir=str(directory / "boards"),
        squads=[{"name": "connectivity"}], **settings,
    )  # fmt: skip


def save_board(directory: Path, text: str, board_id: str = "connectivity/coast") -> None:
    """Write the file of a board."""
    file = BoardFolder(directory / "boards").file(board_id)
    assert file is not None
    file.save(text)


def test_a_link_expires_and_is_of_one_board(
    console_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the chosen time; a later end, another one or another board is not signed."""
    save_board(tmp_path, WORDS)
    save_board(tmp_path, WORDS, "connectivity/other")
    with boards_at(console_store, tmp_path) as url:
        visitor = Visitor(url)
        share = {"do": "share", "hours": "168", "form_token": visitor.form_token(BOARD)}
        page = visitor.post(BOARD, share).text
        link = "/shared/" + page.partition('<a href="/shared/')[2].partition('"')[0]
        until_s = int(link.rpartition("/")[2].partition("-")[0])
        for wrong in (
            link.replace(str(until_s), str(until_s + 1)),
            link.replace("coast", "other"),
            link[:-1],
            link.replace("-", "-%C3%A9"),
            "/shared/examples/unlocks/9999999999-",
            "/shared/",
        ):
            assert visitor.get(wrong).status == 403
        now = "platform_probe.web.console.pages.boards.time.time"
        monkeypatch.setattr(now, lambda: until_s - 1.0)
        assert visitor.get(link).status == 200
        monkeypatch.setattr(now, lambda: until_s + 1.0)
        assert visitor.get(link).status == 403


class StandIn(QuietHandler):
    """A Prometheus that answers with `answers`, by the path and the query."""

    answers: dict[str, Any] = {}  # noqa: RUF012 - of the tests
    asked: list[dict[str, list[str]]] = []  # noqa: RUF012

    def do_POST(self) -> None:  # noqa: N802 - http.server calls it so
        """Answer a question."""
        form = parse_qs(self.body().decode())
        self.asked.append(form)
        body = self.answers[form["query"][0]]
        self.send_response(400 if b'"error"' in body else 200)
        self.end_headers()
        self.wfile.write(body)


PROMETHEUS_BOARD: Final = """\
title: Series
panels:
  - {title: Rising, chart: line, promql: 'rate(x[$__range])'}
  - {title: Shares, chart: bars, promql: 'sum by (cause) (y)'}
  - {title: Now, chart: number, unit: '%', promql: 'scalar(z)'}
  - {title: Wrong, promql: 'sum('}
  - {title: Odd, promql: 'odd'}
"""


def answered(kind: str, result: Any) -> bytes:
    """Return an answer of Prometheus."""
    return msgspec.json.encode(
        {"status": "success", "data": {"resultType": kind, "result": result}}
    )


def panel_of(page: str, title: str) -> str:
    """Return one panel of a page."""
    start = page.index(f"<h2>{title}</h2>")
    return unescape(page[start : page.index("</section>", start)])


def test_series_of_prometheus_are_drawn(console_store: Path, tmp_path: Path) -> None:
    """Lines, bars and numbers; what Prometheus finds wrong is told, and odd answers too."""
    start = 1_767_225_600
    points = [[start, "1"], [start + 60, "NaN"], [start + 120, "3.5"]]
    StandIn.answers = {
        "rate(x[86400s])": answered(
            "matrix",
            [{"metric": {"car": "<b>1"}, "values": points},
             {"metric": {"__name__": "x"}, "values": points[:1]}],
        ),
        "sum by (cause) (y)": answered(
            "vector", [{"metric": {"cause": "box_offline"}, "value": [start, "7"]}]
        ),
        "scalar(z)": answered("scalar", [start, "99.5"]),
        "sum(": b'{"status": "error", "error": "parse error: unclosed left parenthesis"}',
        "odd": b"<html>",
    }  # fmt: skip
    save_board(tmp_path, PROMETHEUS_BOARD)
    with served_by(StandIn) as url, boards_at(console_store, tmp_path, prometheus_url=url) as at:
        page = Visitor(at).get(BOARD).text
        file = tmp_path / "boards" / "connectivity" / "coast.yaml"
        code, _, problems = run_here("platform_probe", "board", "check", file, "--prometheus", url)

    assert code == 2
    assert ":6: panels.3.promql: parse error: unclosed left parenthesis\n" in problems
    assert ":7: panels.4.promql: The server" in problems
    assert "panels.0" not in problems
    assert "<b>1" not in page
    line = panel_of(page, "Rising")
    assert line.count('class="line"') == 1
    assert "Fewer than two points" in line
    assert re.search(r"box_offline|box offline", panel_of(page, "Shares"))
    assert re.search(r"99.50\s+%", panel_of(page, "Now"))
    assert "PromQL: parse error: unclosed left parenthesis" in panel_of(page, "Wrong")
    assert "is no Prometheus (HTTP 200)" in panel_of(page, "Odd")
    asked = next(form for form in StandIn.asked if form["query"] == ["rate(x[86400s])"])
    assert float(asked["end"][0]) - float(asked["start"][0]) == 86_400
    assert asked["step"] == ["432"]


@pytest.mark.prometheus
async def test_a_real_prometheus_is_understood(tmp_path: Path) -> None:
    """Each kind of answer, and what it says of wrong PromQL."""
    port = free_port()
    (tmp_path / "prometheus.yml").write_text("global: {}\n")
    command = [
        "prometheus", f"--config.file={tmp_path / 'prometheus.yml'}",
        f"--storage.tsdb.path={tmp_path / 'data'}", f"--web.listen-address=127.0.0.1:{port}",
    ]  # fmt: skip
    asked: list[tuple[Any, str]] = [
        ("line", "vector(7)"), ("bars", "label_replace(vector(7), 'a', 'coast', '', '')"),
        ("number", "1 / vector(0)"), ("table", "time()"), ("table", "sum("),
    ]  # fmt: skip
    questions = [
        SeriesQuestion(
            Panel.model_validate({"title": "x", "chart": chart, "promql": promql}), 0, 60
        )
        for chart, promql in asked
    ]
    with running(command, tmp_path / "prometheus.log"):
        await until_up(Api(port), tmp_path / "prometheus.log")
        reader = Prometheus(f"http://127.0.0.1:{port}")
        line, bars, number, scalar, wrong = await reader.ask(questions)
        await reader.close()
    assert isinstance(line, Rows)
    assert (line.columns, len(line.rows), line.rows[0][1]) == (("time", "value"), 5, 7.0)
    assert bars == Rows(("series", "value"), [("coast", 7.0)], is_whole=True)
    assert number == Rows(("value",), [(None,)], is_whole=True)
    assert scalar == Rows(("series", "value"), [("value", 60.0)], is_whole=True)
    assert "PromQL: invalid parameter" in str(wrong)
