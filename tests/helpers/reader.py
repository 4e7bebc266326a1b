"""Somebody who reads a page of ours, and types what stands there.

Each command runs as it stands. What makes it quick is given by documented means: variables choose
virtual time and a free port, a sweep has one seed, a search two runs, and the brokers of examples
are a private one. The words of a run that was made before are parsed, and its directory is a copy
of that one: virtual time gives the same bytes. Where a line runs a shipped scenario, perhaps with
keys set, and names no directory for others to read, the scenario is loaded so:
`scenarios/test_shipped.py` runs each. A service that was seen to serve is not started again.
"""

from __future__ import annotations

import re
import shlex
import shutil
import signal
import subprocess
import tomllib
from itertools import pairwise
from pathlib import Path

import pytest
from click.testing import CliRunner

from fleet_sim.broker.process import BrokerProcess
from fleet_sim.scenario.loading import load_scenario
from fleet_wire.command_line import EXPECTATION_FAILED
from tests.helpers.forked import forked
from tests.helpers.own_commands import PROGRAMS, accept
from tests.helpers.pages import as_scenario, blocks, commands, page
from tests.helpers.places import ROOT

QUICK = {
    "FLEET_SIM_RUN_MODE": "virtual",
    "FLEET_SIM_SWEEP_JOBS": "1",
    "FLEET_SIM_PLATFORM_LISTEN": "127.0.0.1:0",
    "PLATFORM_PROBE_LISTEN": "127.0.0.1:0",
}
FEW = {"--seeds": "1", "--max-runs": "2"}
"""Options by which a command does less."""
SERVICES = {
    ("fleet-sim", "boxes"): "serving",
    ("fleet-sim", "platform"): "serving",
    ("platform-probe", "run"): '"ready"',
    ("platform-probe", "console"): "the console is at",
}
"""Commands that serve until they are told to end, and what they say when they do."""
_NOT_TYPED = tomllib.loads((ROOT / "tests/docs/not_typed.toml").read_text("utf-8"))
NOT_RUN, LEFT_OUT = _NOT_TYPED["not_run"], _NOT_TYPED["left_out"]
"""What begins lines that are left alone, and what stands in lines that are only parsed."""
MADE_UP_BROKER = re.compile(r"mqtts?://((?:\w+@)?)[\w.]+\.example(?::\d+)?")
"""Example brokers ask for TLS and a password; what listens here takes any."""


def typed_lines(file: Path) -> list[str]:
    """Return what a reader of a page would type: the commands in its shell blocks.

    A script that only runs as a whole is in a block `sh`, which the page's own test runs.
    """
    text = file.read_text(encoding="utf-8").replace("\\\n", " ")
    typed = [line for block in blocks(text, "bash") for line in block.splitlines()]
    return [line for line in typed if line and line[0] != "#"] + commands(text)


class Reader:
    """Sits in a directory with the project's scenarios, some cars, secrets, and a run."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._lines = 0
        self._copied: set[Path] = set()
        self._ran: dict[tuple[str, str], Path] = {}
        """Where what came of each run is, by its scenario and its options."""
        self._served: set[tuple[str, ...]] = set()
        for name in ("scenarios", "deploy", "docs"):
            (directory / name).symlink_to(ROOT / name)
        (directory / "my.yaml").write_text(as_scenario("faults: []\n"), encoding="utf-8")
        (directory / "my-fleet.yaml").write_text(blocks(page("profiles.md"), "yaml")[0], "utf-8")
        shadows = ROOT / "fleet_wire" / "profiles" / "shipped" / "aws-shadow.yaml"
        shutil.copy(shadows, directory / "my-shadows.yaml")
        heard = '{"topic": "v1/car-1/ack", "payload": {"id": "1", "status": "OK"}}'
        (directory / "heard.jsonl").write_text(f"{heard}\n", encoding="utf-8")
        (directory / "cars.txt").write_text("centre-00000\ncentre-00001\n", encoding="utf-8")
        keys = "".join(f"centre-0000{number} {64 * '0'}\n" for number in range(2))
        (directory / "vehicle.keys").write_text(keys, encoding="utf-8")
        (directory / "passwords").mkdir()
        of_boxes = [f"passwords/car-{number:05d}" for number in range(10)]
        for name in ("broker.password", "fleet.secret", *of_boxes):
            (directory / name).write_text("made up for this\n", encoding="utf-8")

    def types(
        self, line: str, monkeypatch: pytest.MonkeyPatch, broker: BrokerProcess | None = None
    ) -> None:
        """Run a line of a page; fails where it does not work out. Services need a broker."""
        monkeypatch.chdir(self.directory)
        for name, value in QUICK.items():
            monkeypatch.setenv(name, value)
        self._lines += 1
        monkeypatch.setenv("FLEET_SIM_RUN_OUT", f"runs/{self._lines}")
        monkeypatch.setattr("fleet_sim.results.report.write_report", lambda *_: None)
        line, _, into = line.partition(" > ")
        words = [self._at_home(word, broker) for word in shlex.split(line, comments=True)]
        if words[0] in NOT_RUN:
            return
        if any(part in line for part in LEFT_OUT):
            accept(words)
            return
        for before, word in pairwise(words):
            if word.startswith("runs/") and before != "--out":
                self._have_a_run(Path(*Path(word).parts[:2]))
            elif before == "--out" and Path(word) in self._copied:
                shutil.rmtree(word)  # the page that makes it comes after one that reads it
                gone = self.directory / word
                self._ran = {what: out for what, out in self._ran.items() if out != gone}
        if words[0] == "make":
            subprocess.run(["make", "-n", *words[1:]], cwd=ROOT, check=True, capture_output=True)
        elif tuple(words[:2]) in SERVICES:
            if words[1] == "console":  # of the others it would start one beside them
                monkeypatch.setenv("PLATFORM_PROBE_CONSOLE__LISTEN", "127.0.0.1:0")
            self._serve(words)
        else:
            self._run(words, into.partition("#")[0].strip())

    def _at_home(self, word: str, broker: BrokerProcess | None) -> str:
        """Return a word with what the reader has in place of what the page made up."""
        if broker is not None:
            word = MADE_UP_BROKER.sub(rf"mqtt://\g<1>127.0.0.1:{broker.port}", word)
        return re.sub(r"^/(?=(?:var|etc)/)", f"{self.directory}/", word)

    def _have_a_run(self, directory: Path) -> None:
        if not directory.exists():
            self._run(
                ["fleet-sim", "run", "scenarios/underground_garage.yaml", "--out", str(directory)]
            )
            self._copied.add(directory)

    def _run(self, words: list[str], into: str = "") -> None:
        program, *arguments = words
        assert program in PROGRAMS, f"nobody runs {program}"
        if words[:2] == ["fleet-sim", "run"]:
            self._run_once(words)
            return
        for option, most in FEW.items():
            if option in arguments:
                arguments[arguments.index(option) + 1] = most
        self._invoke(program, arguments, into)

    def _run_once(self, words: list[str]) -> None:
        options = accept(words).params
        if _is_shipped_for_nobody_to_read(words):
            load_scenario(options["scenario"], options["overrides"])
            return
        out = self.directory / options.pop("out")
        what = (
            options["scenario"].read_text(encoding="utf-8"),
            repr(options | {"mode": "virtual"}),
        )
        before = self._ran.get(what)
        if before == out:
            return  # another page types the same
        if before is not None and before.exists():
            shutil.copytree(before, out)
        else:
            self._invoke(words[0], words[1:])
            self._ran[what] = out

    def _invoke(self, program: str, arguments: list[str], into: str = "") -> None:
        result = CliRunner().invoke(PROGRAMS[program], arguments)
        is_changed = "--set" in arguments and " not hold" in result.output
        is_verdict = is_changed or arguments[0] == "compare"
        assert result.exit_code in (0, EXPECTATION_FAILED if is_verdict else 0), result.output
        if into:
            Path(into).write_text(result.stdout, encoding="utf-8")

    def _serve(self, words: list[str]) -> None:
        """Run a service until it serves, and end it as a machine does that shuts down."""
        if tuple(words) in self._served:
            return
        program, command, *rest = words
        ready = SERVICES[program, command]
        said = self.directory / "said"
        said.write_text("", encoding="utf-8")
        with forked(program.replace("-", "_"), command, *rest, stderr=said) as process:
            if any(ready.encode() in line for line in process.stdout):
                process.send_signal(signal.SIGTERM)
            process.stdout.read()
            code = process.wait(timeout_s=300.0)
        assert code == 0, said.read_text("utf-8")
        self._served.add(tuple(words))


def _is_shipped_for_nobody_to_read(words: list[str]) -> bool:
    """Return whether this runs a shipped scenario, perhaps with keys set, into no named place."""
    said = {word for word in words[3:] if word.startswith("-")}
    return Path(words[2]).is_relative_to("scenarios") and said <= {"--mode", "--seed", "--set"}
