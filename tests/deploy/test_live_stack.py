"""The shipped Prometheus files at work, on a real run in which cars fail to open.

`fleet-sim run` opens cars over a real mosquitto, a quarter of which stand in a garage without
coverage. The real Prometheus scrapes its probe. Every rule and every panel must return numbers.
`test_demo.py` follows an alert to its receivers.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen

import pytest
import pytest_asyncio

from fleet_sim.broker.process import free_port
from tests.helpers.consoles import Visitor
from tests.helpers.fake_platform import FakePlatform, ServedApi, served_api
from tests.helpers.places import ROOT
from tests.helpers.shipped import (
    DASHBOARDS,
    dashboard,
    panel_exprs,
    rule_exprs,
    variables,
    with_values,
)
from tests.helpers.stack import (
    Api,
    running,
    running_prometheus,
    tail_of,
    until_up,
)
from tests.helpers.waiting import eventually

pytestmark = [
    pytest.mark.long,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.broker,
    pytest.mark.prometheus,
]

NOBODY_TAKES = '{"webhooks": [{"name": "nobody", "url": "http://127.0.0.1:9/"}]}'
"""Messages to where nobody listens: they wait, and their series are there."""
SCENARIO = ROOT / "scenarios" / "underground_garage.yaml"
OVERRIDES = (
    "load.stages.0.duration_s=300",  # the tests end it
    "load.deadline_s=3",  # a customer without patience: failures come soon
    # Customers too, at a platform whose release answers 500 to a third of them.
    "platform={release: 2026.7.0}",
    "customers={stages: [{kind: constant, rate_per_s: 2, duration_s: 300}], walk: 2, drive: 5}",
    (
        "faults=[{name: no_coverage_garage, target: {site: garage}, window: {start_s: 0}},"
        " {name: generic_500, window: {start_s: 0}, parameters: {successes: 0.35}}]"
    ),
)
NO_BACKEND = {
    "PLATFORM_PROBE_OTLP__ENDPOINT": "http://127.0.0.1:9",
    "PLATFORM_PROBE_OTLP__TIMEOUT_S": "1",
}
"""The monitor exports to where nobody listens, and counts what is lost."""


@dataclass(frozen=True)
class Stack:
    """What runs while these tests do."""

    prometheus: Api
    run: Popen[bytes]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """Start Prometheus and a run; give them when unlocks have failed."""
    directory = tmp_path_factory.mktemp("live_stack")
    probe_port, console_port = free_port(), free_port()
    async with contextlib.AsyncExitStack() as started:
        platform = FakePlatform()
        api = await started.enter_async_context(served_api(platform))
        traffic = asyncio.gather(_phones(api, platform), _looks_at_the_console(console_port))
        started.callback(traffic.cancel)
        prometheus = started.enter_context(
            running_prometheus(
                directory,
                {
                    "platform-probe": probe_port,
                    "platform-console": console_port,
                    "platform-api": api.port,
                },
            )
        )
        await until_up(prometheus, directory / "prometheus.log")
        command = [sys.executable, "-m", "fleet_sim", "run", str(SCENARIO)]
        command += ["--out", str(directory / "run"), "--listen", f"127.0.0.1:{probe_port}"]
        command += [f"--set={override}" for override in OVERRIDES]
        run = started.enter_context(
            running(
                command,
                directory / "run.log",
                environment={
                    **NO_BACKEND,
                    "PLATFORM_PROBE_MESSAGES": NOBODY_TAKES,
                    "PLATFORM_PROBE_CONSOLE": f'{{"listen": "127.0.0.1:{console_port}"}}',
                },
            )
        )
        failed = 'sum(unlockpath_unlocks_total{outcome="unknown"}) >= 5'

        def have_failed() -> bool:
            assert run.poll() is None, tail_of(directory / "run.log")
            return bool(prometheus.numbers(failed))

        await eventually(have_failed, message="no unlock failed")
        yield Stack(prometheus, run)


async def _phones(api: ServedApi, platform: FakePlatform) -> None:
    """Ask the API now and then: every other request meets an exception that nothing treats."""
    while True:
        for platform.error in (None, ZeroDivisionError()):
            await api.send("GET", "/commands/c-1", app_version="5.12.0")
            await asyncio.sleep(0.2)


async def _looks_at_the_console(port: int) -> None:
    """Look at a page now and then, once there is one."""
    visitor = Visitor(f"http://127.0.0.1:{port}")
    while True:
        with contextlib.suppress(OSError):
            await asyncio.to_thread(visitor.get, "/incidents")
        await asyncio.sleep(2)


async def test_every_rule_and_panel_returns_data(stack: Stack) -> None:
    """Each series that a rule reads or records, and each expression of each dashboard."""
    missing = {*rule_exprs(), *panel_exprs()}
    assert len(missing) > 200

    def all_have_returned() -> bool:
        for expr in [*missing]:
            if stack.prometheus.numbers(with_values(expr.promql)):
                missing.remove(expr)
        return not missing

    with contextlib.suppress(AssertionError):
        await eventually(all_have_returned)
    assert missing == set()
    assert stack.run.poll() is None, "the run must outlast the queries"
    groups = stack.prometheus.get("/api/v1/rules")["data"]["groups"]
    health = {rule["name"]: rule["health"] for group in groups for rule in group["rules"]}
    assert set(health.values()) == {"ok"}, health


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
async def test_variables_have_values(stack: Stack, path: Path) -> None:
    """Each list that a dashboard offers has entries, and they come from labels that exist."""
    for variable in variables(dashboard(path)).values():
        if variable["type"] != "query":
            continue
        series, _, label = (
            variable["query"]["query"].removeprefix("label_values(").removesuffix(")")
        ).rpartition(", ")
        values = stack.prometheus.get(
            f"/api/v1/label/{label}/values", **{"match[]": series}
        )["data"]  # fmt: skip
        assert values, variable["name"]


async def test_histograms_carry_trace_ids(stack: Stack) -> None:
    """Prometheus stores the exemplars of the durations: from a slow bucket to its unlock."""
    answer = stack.prometheus.get(
        "/api/v1/query_exemplars",
        query="unlockpath_unlock_duration_seconds_bucket",
        start="0",
        end="9999999999",
    )
    assert any(
        exemplar["labels"]["trace_id"]
        for series in answer["data"]
        for exemplar in series["exemplars"]
    )
