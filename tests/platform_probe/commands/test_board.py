"""`platform-probe board`: boards checked, listed, shown, and written for Grafana."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from platform_probe.__main__ import main
from tests.helpers.busy_store import make_busy_store

WRONG = """\
title: Wrong
panels:
  - title: Reads
    sql: SELECT content FROM read_text('/etc/passwd')
  - title: Writes
    sql: COPY attempts TO '{lost}'
  - title: By region
    chart: line
    sql: SELECT region, count(*) AS unlocks FROM attempts GROUP BY region
  - title: Misspelt
    sql: SELECT regoin FROM attempts
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a store in which everything has happened once."""
    return make_busy_store(tmp_path_factory.mktemp("busy") / "store")


def board(*words: str | Path) -> Result:
    """Run the command."""
    return CliRunner().invoke(main, ["board", *map(str, words)])


def test_check_explains_wrong_questions(store: Path, tmp_path: Path) -> None:
    """Each by file, line and key; what SQL may not do is neither done."""
    path, lost = tmp_path / "wrong.yaml", tmp_path / "lost.csv"
    path.write_text(WRONG.format(lost=lost))
    told = board("check", path, "examples/service-level", tmp_path / "none.yaml", "--store", store)

    assert told.exit_code == 2
    lines = [line.partition(f"{path}:")[2] for line in told.stderr.splitlines()[:4]]
    assert lines[0].startswith("4: panels.0.sql: read_text() is not allowed here")
    assert lines[1].startswith("6: panels.1.sql: only SELECT is allowed here, not COPY")
    assert lines[2].startswith("8: panels.2.chart: A line needs a time in the first column")
    assert lines[3].startswith('11: panels.3.sql: Binder Error: Referenced column "regoin"')
    assert not lost.exists()


def test_check_without_a_store_tries_sql_all_the_same(tmp_path: Path) -> None:
    """In one without records: names of tables and columns are looked at."""
    path = tmp_path / "wrong.yaml"
    path.write_text(WRONG.replace("regoin", "region"))
    told = board("check", path)
    assert "panels.0.sql" in told.stderr
    assert "panels.3.sql" not in told.stderr
    assert "panels.2" not in told.stderr
    right = board("check", "examples/service-level")
    assert right.exit_code == 0
    count, unchecked, todo = right.stdout.splitlines()
    assert count == "1 right"
    assert unchecked.startswith("PromQL not checked: ")
    assert [one.rpartition("/")[2] for one in unchecked.split(", ")] == [
        "service-level.yaml:9", "service-level.yaml:15", "service-level.yaml:19",
    ]  # fmt: skip
    assert todo.startswith("Open each board in the console")


def test_check_tells_all_files(tmp_path: Path) -> None:
    """A file that cannot be read hides no other."""
    path = tmp_path / "x.yaml"
    path.write_text("titel: x\n")
    told = board("check", path, path)
    assert told.exit_code == 2
    assert told.stderr.count("x.yaml:1: titel: unknown key; did you mean 'title'?") == 2
    assert "no such file; the boards that ship are examples/" in board("check", "a.yaml").stderr


def test_list_names_boards(tmp_path: Path) -> None:
    """Those that ship, and of squads where settings say where they are."""
    assert "examples/unlocks  Unlocks of the week" in board("list").stdout
    (tmp_path / "boards" / "app").mkdir(parents=True)
    (tmp_path / "boards" / "app" / "night.yaml").write_text("titel: x\n")
    config = tmp_path / "probe.yaml"
    config.write_text(f"console: {{boards_dir: {tmp_path / 'boards'}}}\n")
    told = board("list", "--config", config)
    assert "app/night  (wrong) " in told.stdout
    assert "examples/unlocks" in told.stdout
    assert told.stderr == ""
    config.write_text("console: {boards_dir: nowhere}\n")
    assert f"the folder {Path('nowhere').absolute()} does not exist" in (
        board("list", "--config", config).stderr
    )


def test_show_prints_answers(store: Path) -> None:
    """Of the board's time; PromQL is named, as the console asks it."""
    told = board("show", "examples/unlocks", "--store", store).stdout
    assert "Why they did not open\ncause        failures\n" in told
    assert "box_offline         2\n" in told
    told = board("show", "examples/service-level", "--store", store).stdout
    assert "(the console asks Prometheus) unlockpath:slo_burn_rate:1h" in told


def test_show_prints_a_board_that_the_settings_name(store: Path, tmp_path: Path) -> None:
    """By the name that `list` gives it."""
    folder, config = tmp_path / "boards" / "app", tmp_path / "console.yaml"
    folder.mkdir(parents=True)
    (folder / "night.yaml").write_text(
        "title: Night\npanels: [{title: Asked, sql: SELECT count(*) AS unlocks FROM attempts}]\n"
    )
    config.write_text(f"console: {{boards_dir: {tmp_path / 'boards'}}}\n")
    told = board("show", "app/night", "--store", store, "--config", config)
    assert told.exit_code == 0, told.stderr
    assert told.stdout == "Night\n\nAsked\nunlocks\n-------\n     60\n"


def test_export_writes_a_dashboard(tmp_path: Path) -> None:
    """Which Grafana reads; where it cannot be written, that is said."""
    file = tmp_path / "out.json"
    told = board("export", "examples/service-level", "--grafana", file)
    assert told.exit_code == 0
    assert json.loads(file.read_text())["title"] == "Service level"
    told = board("export", "examples/unlocks", "--grafana", tmp_path / "no" / "x.json")
    assert told.exit_code == 2
    assert "cannot be written" in told.stderr
