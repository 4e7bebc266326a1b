"""A real `platform-probe run` in a process of its own."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from prometheus_client.parser import text_string_to_metric_families

from fleet_wire.contract.attempt import Attempt
from fleet_wire.links.link import BrokerAddress
from platform_probe.outputs.attempt_metrics import is_measured
from tests.helpers.forked import Forked, forked
from tests.helpers.waiting import PATIENCE_S, eventually, whole_lines

Key = tuple[str, str, str]
"""Source, outcome and cause ("none" without one)."""


class RunningProbe:
    """The process, what it has said on stdout, and what it has written."""

    def __init__(self, process: Forked, directory: Path) -> None:
        self.process = process
        self.directory = directory
        self.events: list[dict[str, Any]] = []
        self._reader = asyncio.ensure_future(self._read())

    async def _read(self) -> None:
        stdout = asyncio.StreamReader()
        connect = asyncio.get_running_loop().connect_read_pipe
        pipe, _ = await connect(lambda: asyncio.StreamReaderProtocol(stdout), self.process.stdout)
        async for line in stdout:
            self.events.append(msgspec.json.decode(line))
        pipe.close()

    @property
    def records(self) -> Path:
        """The file of the attempts."""
        return self.directory / "out" / "attempts.jsonl"

    @property
    def log_file(self) -> Path:
        """The file of the log."""
        return self.directory / "probe.log"

    @property
    def latest(self) -> dict[str, Any]:
        """The last thing that it said; empty before the first."""
        return self.events[-1] if self.events else {}

    def of_kind(self, event: str) -> list[dict[str, Any]]:
        """Return what it said of one kind."""
        return [one for one in self.events if one["event"] == event]

    def attempts(self) -> list[Attempt]:
        """Return the attempts on disk, each as it was last revised.

        After the end of the process, every line must be a whole one.
        """
        if self.process.returncode is not None and self.records.exists():
            assert self.records.read_bytes()[-1:] in (b"", b"\n")
        lines = [msgspec.json.decode(line, type=Attempt) for line in whole_lines(self.records)]
        assert len({(one.attempt_id, one.revision) for one in lines}) == len(lines)
        return [*{one.attempt_id: one for one in lines}.values()]

    def measured(self) -> list[Attempt]:
        """Return those attempts on disk that it saw as they happened, and not after a stall."""
        return [one for one in self.attempts() if is_measured(one)]

    def counts(self) -> Counter[Key]:
        """Return the number of measured attempts by source, outcome and cause, as metrics do."""
        return Counter(
            (one.source.value, one.outcome.value, one.cause.value if one.cause else "none")
            for one in self.measured()
        )

    def stats(self) -> dict[str, Any]:
        """Return `probe_stats.json`."""
        stats: dict[str, Any] = msgspec.json.decode(
            (self.directory / "out" / "probe_stats.json").read_bytes()
        )
        return stats

    def log(self) -> list[dict[str, Any]]:
        """Return the lines of the log."""
        return [msgspec.json.decode(line) for line in whole_lines(self.log_file)]

    def stderr(self) -> str:
        """Return what it said to the user."""
        return (self.directory / "probe.stderr").read_text()

    def child(self, module: str) -> int | None:
        """Return the id of the child process that runs a module; None: there is none just now."""
        for path in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):  # it has just ended
                parent = path.read_text().rpartition(")")[2].split()[1]
                command = path.with_name("cmdline").read_text()
                if parent == str(self.process.pid) and module in command:
                    return int(path.parent.name)
        return None

    async def ready(self) -> None:
        """Wait until it says that it is ready."""
        await eventually(lambda: self.of_kind("ready") or self._reader.done())
        assert self.of_kind("ready"), f"exit code {await self.exit_code()}: {self.stderr()}"

    async def exit_code(self) -> int:
        """Wait for its end."""
        await asyncio.wait_for(self._reader, PATIENCE_S)
        while (code := self.process.returncode) is None:  # noqa: ASYNC110 - another process sets it
            await asyncio.sleep(0.01)
        return code

    async def get(self, path: str) -> tuple[int, str]:
        """Return status and body of a page."""
        url = self.of_kind("ready")[0]["metrics_url"].replace("/metrics", path)
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            return answer.status, await answer.text()

    async def series(self, name: str) -> dict[tuple[str, ...], float]:
        """Return the values of a metric by the values of its labels, in order of their names."""
        _, page = await self.get("/metrics")
        lines = page.splitlines(keepends=True)  # to parse all takes longer
        its_lines = (line for line in lines if line.startswith(f"unlockpath_{name}"))
        families = text_string_to_metric_families("".join(its_lines))
        return {
            tuple(value for _, value in sorted(sample.labels.items())): sample.value
            for family in families
            for sample in family.samples
            if sample.name == f"unlockpath_{name}"
        }


@asynccontextmanager
async def running_probe(
    directory: Path, broker: BrokerAddress, *, stderr: Any = None, **settings: Any
) -> AsyncIterator[RunningProbe]:
    """Run a probe against `broker` until the block ends. `stderr`: a descriptor, else a file."""
    config = directory / "probe.yaml"
    values = {
        "broker": str(broker),
        "listen": "127.0.0.1:0",
        "out_dir": str(directory / "out"),
        "log_file": str(directory / "probe.log"),
        **settings,
    }
    config.write_bytes(msgspec.json.encode(values))  # JSON is YAML
    said = directory / "probe.stderr"
    said.write_bytes(b"")
    with forked(
        *("platform_probe", "run", "--config", str(config)),
        stderr=said if stderr is None else Path(f"/proc/{os.getpid()}/fd/{stderr}"),
    ) as process:
        probe = RunningProbe(process, directory)
        try:
            yield probe
        finally:
            process.kill()
            await probe.exit_code()
