"""Takes the pictures of pages from runs in virtual time: `python -m tests.docs.screens [NAME...]`.

Fonts differ between machines, so no test compares these pictures: take them anew when the pages
have changed.
"""

from __future__ import annotations

import base64
import runpy
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import msgspec
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from fleet_sim.scenario.loading import load_scenario
from fleet_wire.contract.incident import Incident
from platform_probe.tell.messages.slack_blocks import Surroundings, content_of
from platform_probe.tell.messages.slack_calls import Call, DisplayPart, Verb
from tests.helpers.backfilled import prometheus_of
from tests.helpers.commands import lines
from tests.helpers.english import ENGLISH
from tests.helpers.own_commands import run_here
from tests.helpers.pages import EXAMPLES
from tests.helpers.places import ROOT
from tests.helpers.shipped import DEPLOY, panels, with_values
from tests.helpers.shipped import dashboard as read_dashboard
from tests.helpers.virtual_runs import SCENARIOS, run_virtually
from tests.helpers.virtual_slack import VirtualSlack

IMAGES = ROOT / "docs" / "images"
QUALITY = 0.85
PATIENCE_MS = 300_000.0
AS_WEBP = """async ([png, quality]) => {
    const image = new Image();
    image.src = 'data:image/png;base64,' + png;
    await image.decode();
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [image.width, image.height];
    canvas.getContext('2d').drawImage(image, 0, 0);
    return canvas.toDataURL('image/webp', quality);
}"""
"""Packs a picture: a third of the bytes of a PNG."""

GRADED = (
    "ack_lost_executed", "ack_without_actuation", "acl_denied_silent",
    "expired_by_skewed_box_clock", "half_open_tcp_nat", "key_overrides_app", "no_coverage_garage",
    "one_way_downlink", "regional_carrier_outage", "sms_wake_lost", "wrong_vehicle_state",
)  # fmt: skip
"""Modes by which clients are graded: all act side by side, so one round is enough."""

Take = Callable[[Page], None]


@cache
def run_of(path: Path, *, with_report: bool = False) -> Path:
    """Run a scenario once; return the directory of the run."""
    scenario = load_scenario(path)
    run = Path(mkdtemp(prefix="unlockpath-screens-")) / path.stem
    run_virtually(scenario, run, seed=scenario.seed or 1, with_report=with_report)
    return run


@contextmanager
def console_of(run: Path, *options: str) -> Iterator[str]:
    """Serve the console over a run; yield its address."""
    command = [sys.executable, "-m", "platform_probe", "console", "--run", str(run)]
    command += ["--listen", "127.0.0.1:0", "--audit", str(run.parent / "audit.jsonl"), *options]
    with subprocess.Popen(command, cwd=EXAMPLES, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            address = next(
                word for line in process.stdout for word in line.split() if "://" in word
            )
            yield address.rstrip("/.")
        finally:
            process.terminate()


def visit(page: Page, url: str) -> None:
    """Open a page that must be there."""
    answer = page.goto(url)
    assert answer is not None, url
    assert answer.ok, url


def console(page: Page) -> None:
    """Show the unlock of a car that lost its connection."""
    run = run_of(SCENARIOS["operator_in_a_city"])
    failed = next(one for one in lines(run / "attempts.jsonl") if one["cause"] == "box_offline")
    with console_of(run) as address:
        visit(page, f"{address}/unlock/{failed['attempt_id']}")


def incident(page: Page) -> None:
    """Show the incident of a failed operator."""
    run = run_of(SCENARIOS["operator_in_a_city"])
    first = next(iter(lines(run / "incidents.jsonl")))
    with console_of(run) as address:
        visit(page, f"{address}/incident/{first['incident_id']}")


def board(page: Page) -> None:
    """Show the board of the tutorial."""
    run = run_of(SCENARIOS["underground_garage"])
    settings = EXAMPLES / "settings" / "squad.yaml"
    with console_of(run, "--config", str(settings)) as address:
        visit(page, f"{address}/board/garage/weekly")


def dashboard(page: Page) -> None:
    """Show a panel of a Grafana dashboard as a board of the console, with the data of an outage."""
    run = run_of(SCENARIOS["operator_in_a_city"])
    of_squad = read_dashboard(DEPLOY / "grafana" / "dashboards" / "connectivity.json")
    (panel,) = (one for one in panels(of_squad) if one["title"] == "Operators over time")
    promql = with_values(panel["targets"][0]["expr"])
    shown = {"title": panel["title"], "text": panel["description"], "chart": "line"}
    board = {"title": of_squad["title"], "hours": 1, "panels": [{**shown, "promql": promql}]}
    boards = run.parent / "boards"
    (boards / "team").mkdir(parents=True)
    (boards / "team" / "outage.yaml").write_bytes(msgspec.json.encode(board))
    with prometheus_of(run) as prometheus:
        settings = {"boards_dir": str(boards), "prometheus_url": prometheus}
        config = run.parent / "console.yaml"
        config.write_bytes(
            msgspec.json.encode({"console": {**settings, "squads": [{"name": "team"}]}})
        )
        with console_of(run, "--config", str(config)) as address:
            visit(page, f"{address}/board/team/outage")


def report(page: Page) -> None:
    """Show the report of a run."""
    run = run_of(SCENARIOS["underground_garage"], with_report=True)
    visit(page, (run / "report.html").as_uri())


def sweep(page: Page) -> None:
    """Show the report of a sweep over two keys."""
    out = Path(mkdtemp(prefix="unlockpath-screens-")) / "sweep"
    code, _, stderr = run_here(
        "fleet_sim", "sweep", SCENARIOS["quiet_city"], "--seeds", "10", "--jobs", "2",
        "--set", "fleet.count=500,1000", "--set", "load.deadline_s=10,20",
        "--out", out,
    )  # fmt: skip
    assert code in (0, 1), stderr
    visit(page, (out / "report.html").as_uri())


def truth(page: Page) -> None:
    """Show the grades of an app, and of one that believes what it is answered at once.

    Customers live in real time here: it takes two minutes, and grades differ a little.
    """
    out = Path(mkdtemp(prefix="unlockpath-screens-")) / "truth"
    naive = f"naive={sys.executable} {EXAMPLES / 'programs' / 'naive_app.py'}"
    modes = [word for mode in GRADED for word in ("--mode", mode)]
    subprocess.run(
        [sys.executable, "-m", "fleet_sim", "truth", "app", naive, *modes,
         "--rounds", "1", "--cars", "4", "--seed", "2", "--out", out],
        check=True,
    )  # fmt: skip
    visit(page, (out / "report.html").as_uri())


def slack(page: Page) -> None:
    """Show what Slack gets of the outage of the tutorial, as the demo's stand-in shows it."""
    demo = runpy.run_path(str(ROOT / "deploy" / "demo" / "slack.py"))
    channel = demo["Channel"]()
    around = Surroundings(
        monitor="unlockpath",
        speaker=ENGLISH,
        console_url="https://console.example",
        has_buttons=True,
    )
    posted: dict[DisplayPart, str] = {}

    def show(call: Call) -> None:
        content = content_of(call, around)
        body = {"text": content.text, "blocks": content.blocks or []}
        if call.verb is Verb.EDIT:
            channel.update({**body, "ts": posted[DisplayPart.MESSAGE]})
        elif call.verb is Verb.POST and call.part is not DisplayPart.HISTORY:
            message = channel.post("unlockpath", body)
            message.at_s = call.incident.at
            posted[call.part] = message.ts

    run = run_of(EXAMPLES / "trial" / "city.yaml")
    revisions = [msgspec.convert(one, Incident) for one in lines(run / "incidents.jsonl")]
    outbox = VirtualSlack()
    outbox.answer = show
    outbox.jumped_s = revisions[0].at - outbox.now.unix_s
    for revision in revisions:
        if revision.unseen_since is not None:
            break
        outbox.run(max(0.0, revision.at - outbox.now.unix_s))
        outbox.tell(revision)
    outbox.run(60.0)
    mark = '<span style="color: #d40e0d">●</span>'  # a machine may have no font for emoji
    page.set_content(channel.page().replace("🔴", mark))


PICTURES: dict[str, tuple[Take, int, int]] = {
    "board": (board, 1000, 900),
    "console": (console, 1200, 1000),
    "dashboard": (dashboard, 1000, 940),
    "incident": (incident, 1200, 1000),
    "report": (report, 1100, 1000),
    "slack": (slack, 760, 470),
    "sweep": (sweep, 1100, 1000),
    "truth": (truth, 1000, 880),
}
"""What shows each page, and the size of its picture in pixels."""


def take(browser: Browser, name: str) -> int:
    """Take a picture; return its bytes."""
    show, width, height = PICTURES[name]
    page = browser.new_page(viewport=ViewportSize(width=width, height=height))
    page.set_default_timeout(PATIENCE_MS)
    show(page)
    png = base64.b64encode(page.screenshot()).decode()
    page.goto("about:blank")
    packed = page.evaluate(AS_WEBP, [png, QUALITY])
    page.close()
    return (IMAGES / f"{name}.webp").write_bytes(base64.b64decode(packed.partition(",")[2]))


def main(names: Sequence[str]) -> None:
    """Take the pictures that are named, or all."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox"]
        )
        for name in names or PICTURES:
            sys.stdout.write(f"{name}: {take(browser, name)} bytes\n")
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1:])
