"""Tests of the report, as text and in a real browser."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec
import pytest
from markupsafe import escape

from fleet_sim.results import readable, report_plots
from fleet_sim.results.report import write_report
from fleet_sim.results.summary import summarize
from fleet_wire.contract.causes import CAUSES, Cause
from tests.helpers.sample_run import (
    SCENARIO_TEXT,
    SampleRun,
    make_attempt,
    sample_facts,
    write_lines,
    write_sample_run,
)

PLOTS = ("latency", "distribution", "stages", "outcomes", "causes", "boxes")
HOSTILE = "</script><script>document.title='owned'</script><img src=x onerror=alert(1)>&amp;\"'`$x"


class PageReader(HTMLParser):
    """Collects text, elements by id, and the addresses that a page names. Skips scripts."""

    def __init__(self) -> None:
        super().__init__()
        self.text = ""
        self.addresses: list[str] = []
        self.classes: dict[str, str] = {}
        self.counts: dict[str, int] = {}
        self._within = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the element."""
        self._within = tag
        values = {name: value or "" for name, value in attrs}
        self.addresses += [values[name] for name in ("src", "href") if name in values]
        if "id" in values:
            self.classes[values["id"]] = values.get("class", "")
        for key in (tag, f"{tag}.{values.get('class', '')}"):
            self.counts[key] = self.counts.get(key, 0) + 1

    def handle_endtag(self, tag: str) -> None:
        """Leave a script or a style."""
        if tag == self._within:
            self._within = ""

    def handle_data(self, data: str) -> None:
        """Note the text that a reader sees."""
        if self._within not in ("script", "style"):
            self.text += f"{data} "


def read_page(source: str) -> PageReader:
    """Return what stands in a page."""
    reader = PageReader()
    reader.feed(source)
    reader.close()
    reader.text = " ".join(reader.text.split())
    return reader


@dataclass(frozen=True, slots=True)
class OpenedPage:
    """A page after a browser has run its scripts."""

    page: PageReader
    requests: list[str]
    """What the page, not the browser itself, asked the network for."""


Browser = Callable[[Path], OpenedPage]


@pytest.fixture
def browser(tmp_path: Path) -> Browser:
    """Return a function that opens a file in headless Chromium, which reaches no host."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
    assert found, "the report is tested in Chromium: apt-get install chromium"

    def open_page(path: Path) -> OpenedPage:
        log = tmp_path / "network.json"
        profile = tmp_path / "profile"
        result = subprocess.run(
            [
                found, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
                "--no-first-run", "--disable-background-networking", "--disable-component-update",
                "--disable-sync", f"--user-data-dir={profile}", "--window-size=1400,2000",
                "--host-resolver-rules=MAP * ~NOTFOUND", f"--log-net-log={log}",
                "--virtual-time-budget=10000", "--dump-dom", path.resolve().as_uri(),
            ],
            capture_output=True, check=True, timeout=120,
        )  # fmt: skip
        return OpenedPage(read_page(result.stdout.decode()), page_requests(log))

    return open_page


def page_requests(log: Path) -> list[str]:
    """Return the addresses in a network log that were asked for on behalf of a file."""
    events: list[dict[str, Any]] = msgspec.json.decode(log.read_bytes())["events"]
    parameters = [event.get("params") or {} for event in events]
    return [
        str(found["url"])
        for found in parameters
        if "url" in found and "file:" in str(found.get("network_isolation_key"))
    ]


@pytest.mark.browser
def test_every_plot_is_drawn_in_a_browser(tmp_path: Path, browser: Browser) -> None:
    """Chromium draws each plot, one mark for each unlock, and the page asks for nothing."""
    summary = write_sample_run(tmp_path, SampleRun())
    opened = browser(write_report(tmp_path, summary, SCENARIO_TEXT))
    for name in PLOTS:
        assert "js-plotly-plot" in opened.page.classes[f"plot-{name}"]
    assert opened.page.counts["svg.main-svg"] >= 2 * len(PLOTS)
    assert opened.page.counts["path.point plotly-customdata"] == summary["attempts"]["total"]
    assert opened.page.text.count("no_coverage_garage") >= 4
    assert opened.requests == []


@pytest.mark.browser
def test_the_browser_would_tell_of_a_request(tmp_path: Path, browser: Browser) -> None:
    """A page that does ask the network is caught, so that the test above can fail."""
    page = tmp_path / "page.html"
    page.write_text("<img src='http://127.0.0.1:1/pixel.png'>", encoding="utf-8")
    assert "http://127.0.0.1:1/pixel.png" in browser(page).requests


@pytest.mark.browser
def test_hostile_data_stays_text(tmp_path: Path, browser: Browser) -> None:
    """Markup in ids, names and texts is shown as it is; no script of it runs."""
    summary = _hostile_run(tmp_path)
    opened = browser(write_report(tmp_path, summary, HOSTILE))
    assert opened.page.counts["title"] == 1
    assert "img" not in opened.page.counts
    assert opened.page.counts["path.point plotly-customdata"] == 2
    assert opened.page.text.count(" ".join(HOSTILE.split())) >= 6
    assert opened.requests == []


def test_a_script_in_the_description_is_escaped(tmp_path: Path) -> None:
    """The description, the name of a fault and a car's id stand in the file as text."""
    source = write_report(tmp_path, _hostile_run(tmp_path), HOSTILE).read_text(encoding="utf-8")
    assert HOSTILE not in source
    escaped = str(escape(HOSTILE))
    assert f'<p class="description">{escaped}</p>' in source
    assert source.count(f"<td><code>{escaped}</code></td>") == 3


def _hostile_run(directory: Path) -> dict[str, Any]:
    write_lines(
        directory / "attempts.jsonl",
        [
            make_attempt(1, vehicle_id=HOSTILE),
            make_attempt(2, vehicle_id=HOSTILE, cause=Cause.BOX_BUSY),
        ],
    )
    fault = {"fault": HOSTILE, "start_s": 0.0, "end_s": 5.0, "vehicles": [HOSTILE]}
    write_lines(directory / "ground_truth.jsonl", [fault])
    manifest = {"name": HOSTILE, "started_at": HOSTILE, "scenario_file": HOSTILE,
                "scenario": {"description": HOSTILE}}  # fmt: skip
    write_lines(directory / "manifest.json", [manifest])
    summary = summarize(directory, sample_facts())
    summary["expect"] = [{"key": HOSTILE, "condition": HOSTILE, "value": HOSTILE, "holds": False}]
    return summary


@pytest.mark.browser
def test_an_empty_run_is_a_page_of_its_own(tmp_path: Path, browser: Browser) -> None:
    """Without any file the page says so, and has no empty plots."""
    summary = summarize(tmp_path, sample_facts())
    opened = browser(write_report(tmp_path, summary, SCENARIO_TEXT))
    assert "No unlock ended during this run" in opened.page.text
    assert "Nothing expected" in opened.page.text
    assert "div.plot" not in opened.page.counts
    assert "svg.main-svg" not in opened.page.counts


@pytest.fixture
def garage(tmp_path: Path) -> tuple[dict[str, Any], PageReader]:
    """Return the summary and the page of the sample run."""
    summary = write_sample_run(tmp_path, SampleRun())
    source = write_report(tmp_path, summary, SCENARIO_TEXT).read_text(encoding="utf-8")
    return summary, read_page(source)


@pytest.mark.parametrize(("median_s", "words"), [(2.5, ", half of all within 2.5 s."), (None, ".")])
def test_the_headline_names_a_median_that_is_reached(
    median_s: float | None, words: str, tmp_path: Path
) -> None:
    """Where fewer than half opened nobody can say how long half of them took."""
    summary = write_sample_run(tmp_path, SampleRun())
    summary["unlock"]["p50_s"] = median_s
    page = read_page(write_report(tmp_path, summary, SCENARIO_TEXT).read_text(encoding="utf-8"))
    share = readable.share(summary["attempts"]["ok_share"])
    assert f"unlocks opened ({share}){words}" in page.text


def test_the_first_screen(garage: tuple[dict[str, Any], PageReader]) -> None:
    """Verdict, facts and big numbers stand in the page as in the summary."""
    summary, page = garage
    opened = summary["attempts"]["by_outcome"]["ok"]
    for piece in (
        "✗ Fail: 2 of 3 expectations",
        "Cars in an underground garage lose their coverage.",
        "seed 7 mode live broker mqtt://127.0.0.1:40123 (mosquitto 2.0.21) cars 1,000",
        "started 2026-09-21 14:13:20 UTC",
        f"{opened} of {summary['attempts']['total']} unlocks opened",
        "50 % opened within this p95 – fewer than 95 % opened",  # noqa: RUF001 - as it is shown
        f"Opened late {summary['stray']['late_unlock']} after the customer was told no",
        "Connected 1,000 of 1,000 boxes, 4.4 KiB each",
        "Schedule lag 930 µs p99; 0 starts dropped",
    ):
        assert piece in page.text


def test_tables(garage: tuple[dict[str, Any], PageReader]) -> None:
    """Expectations have verdicts, causes their meaning, cars the fault that was injected."""
    summary, page = garage
    assert page.counts["span.mark fail"] == 2
    assert page.counts["span.mark pass"] == 1
    for cause in Cause:
        occurred = summary["attempts"]["by_cause"][cause.value] > 0
        assert (CAUSES[cause].explanation in page.text) == occurred
    assert "no_coverage_garage 20 to 40 s 200" in page.text
    assert re.search(r"garage-\d{5} 2 of \d box_offline × 2 no_coverage_garage centre", page.text)  # noqa: RUF001
    assert "the worst 20 below" in page.text


def test_the_page_tells_how_to_run_it_again(garage: tuple[dict[str, Any], PageReader]) -> None:
    """Scenario and command stand at the end."""
    _, page = garage
    assert "rate_per_s: 6, duration_s: 60" in page.text
    command = "fleet-sim run scenarios/garage.yaml --seed 7 --set fleet.count=1000"
    assert page.text.endswith(f"The same run again: {command}")


def test_a_good_run_passes(tmp_path: Path) -> None:
    """Without failures there is no plot of causes and no table of cars."""
    summary = write_sample_run(tmp_path, SampleRun(garage=False, rare_share=0.0))
    page = read_page(write_report(tmp_path, summary, SCENARIO_TEXT).read_text(encoding="utf-8"))
    assert "✓ Pass" in page.text
    assert "plot-latency" in page.classes
    assert "plot-causes" not in page.classes
    assert "Cars that did not open" not in page.text


def test_the_page_names_no_address(garage: tuple[dict[str, Any], PageReader]) -> None:
    """Nothing but the empty icon is linked, and the policy forbids the rest."""
    _, page = garage
    assert page.addresses == ["data:,"]


def test_equal_runs_give_equal_pages(tmp_path: Path) -> None:
    """The page depends on the run directory and the summary alone."""
    pages = []
    for name in ("first", "second"):
        directory = tmp_path / name
        directory.mkdir()
        summary = write_sample_run(directory, SampleRun())
        pages.append(write_report(directory, summary, SCENARIO_TEXT).read_bytes())
    assert pages[0] == pages[1]


def test_many_points_are_thinned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Above the limit the page says how many unlocks it draws."""
    monkeypatch.setattr(report_plots, "POINTS_AT_MOST", 100)
    summary = write_sample_run(tmp_path, SampleRun())
    page = read_page(write_report(tmp_path, summary, SCENARIO_TEXT).read_text(encoding="utf-8"))
    said = re.search(r"(\d+) of (\d+) unlocks are drawn", page.text)
    assert said
    assert int(said[1]) <= 100
    assert int(said[2]) == summary["attempts"]["total"]
