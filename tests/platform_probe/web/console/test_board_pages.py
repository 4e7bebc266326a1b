"""Boards of squads on the console: who looks, who changes, and what a link opens."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qs

import msgspec
import pytest

from fleet_sim.broker.process import free_port
from fleet_wire.config.file import yaml_text
from platform_probe.boards.folder import BoardFile, BoardFolder
from platform_probe.boards.form import Panel
from platform_probe.store.duck import Rows
from platform_probe.web.console.prometheus import Prometheus, SeriesQuestion
from platform_probe.web.console.tokens import token_hash
from tests.helpers.consoles import Got, Visitor, looks_in, served
from tests.helpers.http_thread import QuietHandler, served_by
from tests.helpers.stack import Api, running, until_up

BOARD: Final = "/board/connectivity/coast"
KINDS: Final = """\
title: Coast
text: What we show every fortnight.
hours: 24
panels:
  - title: Words
    text: Ask the operator first.
  - title: Whole
    chart: number
    unit: km
    sql: SELECT count(*) AS unlocks, count(cause) AS lost FROM attempts
  - title: Over time
    chart: line
    unit: s
    sql: >-
      SELECT time_bucket(INTERVAL 10 SECOND, started_at) AS since, count(*) AS unlocks,
          max(total_s) AS slowest
      FROM attempts WHERE started_at BETWEEN $since AND $until GROUP BY since
  - title: By region
    chart: bars
    sql: SELECT region, count(*) AS unlocks FROM attempts GROUP BY region ORDER BY region
  - title: Causes
    query: causes
"""
PEOPLE: Final = {
    "amelie": "squad", "bruno": "squad", "sabine": "support", "root": "admin",
}  # fmt: skip


class BoardConsole(NamedTuple):
    """A console with boards, and what lies beside it."""

    url: str
    folder: Path
    audit: Path

    def as_person(self, name: str) -> Visitor:
        """Return a visitor who is logged in."""
        visitor = Visitor(self.url)
        assert visitor.log_in(f"token-{name}").status == 303
        return visitor

    def file(self, board_id: str = "connectivity/coast") -> BoardFile:
        """Return the file of a board."""
        found = BoardFolder(self.folder).file(board_id)
        assert found is not None
        return found


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


@pytest.fixture(scope="module")
def prometheus() -> Iterator[str]:
    """Serve a stand-in."""
    with served_by(StandIn) as url:
        yield f"{url}/prometheus"


@pytest.fixture(scope="module")
def console(
    console_store: Path, prometheus: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[BoardConsole]:
    """Serve a console with two squads, of which one has a member."""
    directory = tmp_path_factory.mktemp("boards")
    tokens = directory / "tokens.txt"
    lines = [f"{name} {role} {token_hash(f'token-{name}')}\n" for name, role in PEOPLE.items()]
    tokens.write_text("".join(lines))
    folder, audit = directory / "boards", directory / "audit.jsonl"
    (folder / "app").mkdir(parents=True)
    (folder / "app" / "broken.yaml").write_text("title: Broken\npanel: []\n")
    squads = [{"name": "connectivity", "members": ["amelie"]}, {"name": "app"}]
    settings = {"sql_memory_mib": 512, "sql_timeout_s": 300, "prometheus_url": prometheus}
    with served(
        console_store, audit, tokens_file=str(tokens), boards_dir=str(folder), squads=squads,
        **settings,
    ) as url:  # fmt: skip
        yield BoardConsole(url, folder, audit)


@pytest.fixture(autouse=True)
def fresh(console: BoardConsole) -> None:
    """Begin with one board, without links."""
    console.file().delete()
    console.file().save(KINDS)


def send(visitor: Visitor, do: str, text: str = "", path: str = BOARD, **fields: str) -> Got:
    """Send a form of a board, as its editor does."""
    edited = visitor.get(f"{path}?edit=1").text
    base = edited.partition('name="base" value="')[2].partition('"')[0]
    token = visitor.form_token("/" if not base else f"{path}?edit=1")
    token = token or visitor.form_token("/unlock/attempt-33")
    return visitor.post(path, {"form_token": token, "base": base, "do": do, "text": text, **fields})


def panel_of(page: str, title: str) -> str:
    """Return one panel of a page."""
    start = page.index(f"<h2>{title}</h2>")
    return unescape(page[start : page.index("</section>", start)])


def test_a_member_edits_with_a_preview(console: BoardConsole) -> None:
    """The preview shows the panels and changes no file; saving does, and both are of the squad."""
    visitor = console.as_person("amelie")
    new = "title: New\npanels:\n  - {title: One, chart: number, sql: SELECT 41 + 1 AS answer}\n"

    preview = send(visitor, "preview", new)
    assert preview.status == 200
    assert re.search(r"<dd>\s*42", panel_of(preview.text, "One"))
    assert unescape(preview.text).count(new) == 1
    assert console.file().text() == KINDS

    assert send(visitor, "save", new).location == BOARD
    assert console.file().text() == new
    assert {"user": "amelie", "action": "board_save", "id": "connectivity/coast"}.items() <= (
        looks_in(console.audit)[-1].items()
    )
    assert send(visitor, "delete").location == "/boards"
    assert visitor.get(BOARD).status == 404


def test_a_new_board_begins_with_an_example(console: BoardConsole) -> None:
    """Its name is given on the list of boards, and it is not there before it is saved."""
    visitor = console.as_person("amelie")

    location = visitor.get("/boards?squad=connectivity&name=night").location
    assert location == "/board/connectivity/night?edit=1"
    page = visitor.get(location)
    assert "Unlocks of the week" in page.text
    assert visitor.get("/board/connectivity/night").status == 404
    assert "1 to 40 letters" in visitor.get("/boards?squad=connectivity&name=a/b").text


@pytest.mark.parametrize(
    ("name", "look", "change"), [("bruno", 200, 403), ("sabine", 403, 403), ("root", 200, 200)]
)
def test_others_look_and_do_not_change(
    console: BoardConsole, name: str, look: int, change: int
) -> None:
    """Who may not see pages of squads sees no board; admins change all of them."""
    visitor = console.as_person(name)

    assert visitor.get(BOARD).status == look
    assert visitor.get("/boards").status == look
    assert visitor.get(f"{BOARD}?edit=1").status == change
    assert send(visitor, "preview", KINDS).status == change
    for act in ("save", "share", "revoke", "delete"):
        if change == 403:
            assert send(visitor, act, "title: x").status == 403
    assert console.file().text() == KINDS
    assert not console.file().has_links()


def test_a_member_changes_no_board_of_others(console: BoardConsole) -> None:
    """Neither of another squad, nor one that ships, nor one whose name is a path."""
    visitor = console.as_person("amelie")

    for path in ("/board/app/broken", "/board/examples/unlocks", "/board/nobody/x"):
        assert send(visitor, "save", KINDS, path=path).status == 403
    for path in ("/board/connectivity/..%2Fx", "/board/..%2F..%2Fetc/x", "/board/x"):
        assert visitor.get(path).status == 404


def test_a_foreign_form_changes_nothing(console: BoardConsole) -> None:
    """It has no token of ours."""
    visitor = console.as_person("amelie")
    assert visitor.post(BOARD, {"do": "delete", "form_token": "x"}).status == 403
    assert Visitor(console.url).post(BOARD, {"do": "delete"}).status == 403
    assert console.file().text() == KINDS


def test_a_wrong_board_is_explained_and_not_saved(console: BoardConsole) -> None:
    """By line and key, as the command does; the text stays in the editor."""
    visitor = console.as_person("amelie")
    wrong = KINDS.replace("chart: bars", "chart: bar") + "  - {title: x, sql: SELECT nothing}\n"

    got = send(visitor, "save", wrong)
    assert got.status == 400
    assert "coast.yaml:19: panels.3.chart: unknown value 'bar'" in unescape(got.text)
    assert "SELECT nothing" in got.text
    got = send(visitor, "save", wrong.replace("chart: bar\n", "chart: bars\n"))
    assert 'coast.yaml:23: panels.5.sql: Binder Error: Referenced column "nothing"' in (
        unescape(got.text)
    )
    assert console.file().text() == KINDS


def test_two_who_edit_do_not_overwrite_each_other(console: BoardConsole) -> None:
    """The second one is told, and keeps the text."""
    visitor = console.as_person("amelie")
    stale = visitor.get(f"{BOARD}?edit=1").text.partition('name="base" value="')[2][:16]
    console.file().save(KINDS.replace("Coast", "Shore"))

    got = send(visitor, "save", KINDS.replace("Coast", "Beach"), base=stale)
    assert got.status == 400
    assert "Somebody else has changed this board" in got.text
    assert "Beach" in got.text
    assert "Shore" in (console.file().text() or "")


def test_what_is_wrong_is_in_the_language_of_the_page(console: BoardConsole) -> None:
    """Mistakes of YAML are English in every language, and marked as such."""
    visitor = console.as_person("amelie")
    visitor.headers["Accept-Language"] = "fr"
    unfit = KINDS.replace("chart: line", "chart: number", 1)
    for text, problem in (
        (KINDS.replace("title:", "titel:", 1), '<li class="problem" lang="en">'),
        (unfit, '<li class="problem" lang="fr">'),
    ):
        got = send(visitor, "save", text)
        assert got.status == 400
        assert problem in got.text
    assert "Un nombre (number) montre une ligne" in got.text


FENCED = {
    "SELECT content FROM read_text('/etc/passwd')": "read_text() is not allowed",
    "COPY attempts TO '{lost}'": "only SELECT is allowed here, not COPY",
    "SELECT length(repeat('x', 2000000000))": "needs more than 512 MiB",
}


def test_the_fence_holds(console: BoardConsole, tmp_path: Path) -> None:
    """A board reads the tables of the store and nothing else, also where its file was put there."""
    lost = tmp_path / "lost.csv"
    panels = [{"title": problem, "sql": sql.format(lost=lost)} for sql, problem in FENCED.items()]
    console.file().save(yaml_text({"title": "x", "panels": panels}))
    page = console.as_person("amelie").get(BOARD).text
    for problem in FENCED.values():
        assert panel_of(page, problem).count(problem) == 2, problem
    preview = yaml_text({"title": "x", "panels": panels[:1]})
    previewed = send(console.as_person("amelie"), "preview", preview).text
    assert "read_text() is not allowed here" in unescape(previewed)
    assert "root:" not in page + previewed
    assert not lost.exists()


# Links


def share(console: BoardConsole, hours: str = "24") -> str:
    """Share the board, and return the path of its link."""
    page = send(console.as_person("amelie"), "share", hours=hours).text
    return page.partition('<a href="/shared/')[2].partition('"')[0]


def test_a_link_opens_its_board_and_no_other_page(console: BoardConsole) -> None:
    """Without a login, with nothing to change; every look is in the audit log."""
    link = "/shared/" + share(console)
    visitor = Visitor(console.url)

    page = visitor.get(link)
    assert page.status == 200
    assert "What we show every fortnight." in page.text
    assert "<form" not in page.text
    assert "<nav" not in page.text
    assert {"user": "link", "action": "look", "id": "connectivity/coast"}.items() <= (
        looks_in(console.audit)[-1].items()
    )
    for path in (BOARD, "/boards", "/", "/car/car-03", "/squad/connectivity", "/live"):
        assert visitor.get(path).location.startswith("/login")
    other = console.file("connectivity/other")
    other.save(KINDS)
    assert visitor.get(link.replace("coast", "other")).status == 403
    other.delete()


def test_a_link_expires(console: BoardConsole, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the chosen time; a later end, or another one, is not signed."""
    link = "/shared/" + share(console, hours="168")
    until_s = int(link.rpartition("/")[2].partition("-")[0])
    visitor = Visitor(console.url)

    for wrong in (
        link.replace(str(until_s), str(until_s + 1)),
        link[:-1],
        link.replace("-", "-é"),
        "/shared/examples/unlocks/9999999999-",
        "/shared/",
    ):
        assert visitor.get(wrong.replace("é", "%C3%A9")).status == 403
    page = "platform_probe.web.console.pages.boards.time.time"
    monkeypatch.setattr(page, lambda: until_s - 1.0)
    assert visitor.get(link).status == 200
    monkeypatch.setattr(page, lambda: until_s + 1.0)
    got = visitor.get(link)
    assert got.status == 403
    assert "expired, or it was revoked" in got.text


def test_links_are_revoked(console: BoardConsole) -> None:
    """By a button, by removing the key, and by another key; a new link has another one."""
    visitor = Visitor(console.url)
    link = "/shared/" + share(console)

    assert send(console.as_person("amelie"), "revoke").location == BOARD
    assert visitor.get(link).status == 403
    assert looks_in(console.audit)[-1]["action"] == "board_revoke"
    newer = "/shared/" + share(console)
    assert visitor.get(newer).status == 200
    assert visitor.get(link).status == 403
    key = console.folder / "connectivity" / "coast.key"
    assert key.stat().st_mode & 0o777 == 0o600
    key.write_text("another")
    assert visitor.get(newer).status == 403


# Prometheus

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


def test_series_of_prometheus_are_drawn(console: BoardConsole) -> None:
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
    console.file().save(PROMETHEUS_BOARD)
    page = console.as_person("bruno").get(BOARD).text

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
