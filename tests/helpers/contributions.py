"""Contributions as CONTRIBUTING.md describes them, each made in a copy of the project."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.helpers.pages import example_files, rows, section
from tests.helpers.places import ROOT
from tests.helpers.project_copy import contents, copy_project, run_in

TABLE: Final = section(
    (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"), "Where a new thing goes"
)
_QUOTED: Final = re.compile(r"`([^`\s]+)`|\((docs/[\w/.-]+)[#)]|(docs/[\w/.-]+)")
_CONSOLE: Final = "platform_probe/web/console"


@dataclass(frozen=True)
class Edit:
    """Text that goes into a file: after `after` where the file exists, else as a new file."""

    path: str
    text: str
    after: str = ""

    def make(self, project: Path) -> None:
        """Write it. Raises `LookupError` when the file no longer has the line it goes after."""
        path = project / self.path
        if not self.after:
            assert not path.exists(), f"{self.path} exists already"
            path.write_text(self.text, encoding="utf-8")
            return
        before = path.read_text(encoding="utf-8")
        if before.count(self.after) != 1:
            raise LookupError(f"{self.path} has {self.after!r} {before.count(self.after)} times")
        path.write_text(before.replace(self.after, self.after + self.text), encoding="utf-8")


@dataclass(frozen=True)
class Contribution:
    """A new thing, and what CONTRIBUTING.md calls it."""

    adds: str
    edits: Sequence[Edit]
    commands: Sequence[str]
    """They renew pages and run the tests that notice a forgotten step."""

    @property
    def row(self) -> str:
        """The row's second cell: the places that a contributor touches."""
        return next(places for adds, places in rows(TABLE) if adds == self.adds)

    def places(self) -> list[str]:
        """Return the files and folders that the row names, as paths in the project."""
        return [*_paths(self.row)]

    def make(self, project: Path) -> set[str]:
        """Make it in a new copy of the project; return the files that differ from the project."""
        copy_project(project)
        before = contents(project)
        for edit in self.edits:
            edit.make(project)
        modules = " ".join(edit.path for edit in self.edits if edit.path.endswith(".py"))
        for command in (f"ruff check {modules}", f"ruff format --check {modules}", *self.commands):
            run_in(project, command)
        after = contents(project)
        return {
            name for name in before.keys() | after.keys() if before.get(name) != after.get(name)
        }


def _paths(row: str) -> Iterator[str]:
    """Yield each path; "`x.py` there" and a bare name are in the folder that was named last."""
    folder = Path()
    for name, link, bare in _QUOTED.findall(row):
        path = link or bare or name
        if (ROOT / path).exists() and "/" in path:
            folder = Path(path) if path.endswith("/") else Path(path).parent
            yield path
            continue
        there = next((at for at in (folder, folder.parent) if (ROOT / at / path).exists()), None)
        if there is not None:
            yield f"{there / path}"


MODE: Final = Contribution(
    adds="a failure mode and its fault",
    edits=[Edit(path, text) for path, text in example_files("first_failure_mode").items()],
    commands=["tests.docs --renew", "tests.golden --renew door_frozen"],
)
METRIC: Final = Contribution(
    adds="a metric",
    edits=[
        Edit(
            "platform_probe/outputs/metrics.py",
            '        self._region_count = self._gauge("regions", "Regions that boxes name.")\n',
            after="    def _make_fleet(self) -> None:\n",
        ),
        Edit(
            "platform_probe/outputs/metrics.py",
            "        self._region_count.set(len({region for region, _ in by_region}))\n",
            after="    def _show_regions(self, by_region: Mapping[tuple[str | None, str], int])"
            " -> None:\n",
        ),
        Edit(
            "deploy/grafana/dashboards/regions.json",
            """\
    {
      "id": 99, "type": "stat", "title": "Regions",
      "description": "How many regions the boxes name.",
      "gridPos": {"x": 0, "y": 1000, "w": 6, "h": 4},
      "datasource": {"type": "prometheus", "uid": "${datasource}"},
      "targets": [{"refId": "A", "expr": "max(unlockpath_regions)"}],
      "fieldConfig": {"defaults": {"unit": "short"}, "overrides": []},
      "options": {"reduceOptions": {"calcs": ["lastNotNull"]}}
    },
""",
            after='  "panels": [\n',
        ),
    ],
    commands=[
        "tests.docs --renew",
        "pytest tests/docs tests/platform_probe/outputs/test_metrics.py -m 'not long'",
        "pytest tests/deploy/test_dashboards.py",
        "pytest tests/deploy/test_prometheus_files.py -m 'not long'",
    ],
)
SINK: Final = Contribution(
    adds="something that reads attempts (a sink)",
    edits=[
        Edit(
            "platform_probe/outputs/newest.py",
            """\
\"""A sink that keeps the newest record in a file.\"""

from __future__ import annotations

from pathlib import Path

import msgspec

from fleet_wire.contract.attempt import Record


class NewestFile:
    \"""Writes each record over the one before it.\"""

    def __init__(self, path: Path) -> None:
        self._path = path

    def emit(self, record: Record) -> None:
        \"""Write the record.\"""
        self._path.write_bytes(msgspec.json.encode(record))
""",
        ),
        Edit(
            "tests/platform_probe/outputs/test_newest.py",
            """\
\"""The newest record in a file.\"""

from __future__ import annotations

from pathlib import Path

import msgspec

from fleet_wire.contract.attempt import Attempt
from platform_probe.outputs.newest import NewestFile
from tests.helpers.records import attempt_of


def test_the_newest_record_replaces_the_one_before(tmp_path: Path) -> None:
    \"""A reader never finds two.\"""
    path = tmp_path / "newest.json"
    sink = NewestFile(path)
    for attempt in (attempt_of(), attempt_of(total_s=1.0)):
        sink.emit(attempt)
        assert msgspec.json.decode(path.read_bytes(), type=Attempt) == attempt
""",
        ),
        Edit(
            "platform_probe/service/monitor_parts.py",
            """\


def newest_of(settings: ProbeSettings) -> NewestFile:
    \"""Return the sink that keeps the newest record.\"""
    return NewestFile(settings.out_dir / "newest.json")
""",
            after='microsecond: see docs/decisions/0011."""\n',
        ),
        Edit(
            "platform_probe/service/monitor_parts.py",
            "from platform_probe.outputs.newest import NewestFile\n",
            after="from platform_probe.outputs.metrics import SINKS, ProbeMetrics, new_registry\n",
        ),
        Edit(
            "platform_probe/service/service.py",
            '            "newest": newest_of(settings),\n',
            after='            "log": LogSink(logger, clock),\n',
        ),
        Edit(
            "platform_probe/service/service.py",
            "    newest_of,\n",
            after="    metrics_of,\n",
        ),
        Edit("platform_probe/outputs/metrics.py", '"newest", ', after="SINKS: Final = ("),
    ],
    commands=[
        "tests.docs --renew",
        "pytest tests/docs/test_generated.py -m 'not long'",
        "pytest tests/platform_probe/outputs -k 'metrics or newest'",
        "pytest tests/platform_probe/test_live_stall.py",
    ],
)
PAGE: Final = Contribution(
    adds="a page of the console",
    edits=[
        Edit(
            f"{_CONSOLE}/pages/newest.py",
            """\
\"""The page of the newest record.\"""

from __future__ import annotations

from platform_probe.web.console.page_request import Answer, Page, PageRequest


def newest_page(asked: PageRequest, _: str) -> Answer:
    \"""Return when the newest record came.\"""
    return Page("newest.html", {"newest": asked.time_of(asked.now_s)})
""",
        ),
        Edit(
            f"{_CONSOLE}/templates/newest.html",
            """\
{% extends "base.html" %}
{% block title %}{{ say("newest.title") }}{% endblock %}
{% block main %}
<div class="head"><h1>{{ say("newest.title") }}</h1><p class="lead">{{ newest }}</p></div>
{% endblock %}
""",
        ),
        Edit(
            f"{_CONSOLE}/application.py",
            '    "newest": newest.newest_page,\n',
            after='    "cto": fleet.cto_page,\n',
        ),
        Edit(
            f"{_CONSOLE}/application.py",
            "    newest,\n",
            after="    incident,\n",
        ),
        Edit("platform_probe/texts/en.json", ' "newest.title": "Newest record",\n', after="{\n"),
        Edit(
            "platform_probe/texts/fr.json",
            ' "newest.title": "Dernier enregistrement",\n',
            after="{\n",
        ),
        Edit(
            "tests/platform_probe/web/console/test_pages.py",
            '    "/newest",\n',
            after="PATHS = (\n",
        ),
        Edit(
            "tests/platform_probe/web/console/test_browser.py",
            '    "/newest",\n',
            after="PATHS = (\n",
        ),
    ],
    commands=[
        "pytest tests/platform_probe/web/console/test_texts.py",
        "pytest tests/platform_probe/web/console/test_pages.py -k newest",
        "pytest tests/platform_probe/web/console/test_browser.py -k everybody",
    ],
)
CONTRIBUTIONS: Final = (MODE, METRIC, SINK, PAGE)
