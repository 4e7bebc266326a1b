"""Plays transcripts of commands that a user types: each is a process, with what it says."""

from __future__ import annotations

import os
import re
import resource
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Final
from unittest import mock

import msgspec

from bench.score.incidents import TWO_TOPICS
from fleet_sim.broker.process import BrokerProcess
from fleet_sim.results.expectations import value_at
from tests.helpers.brokers import running_mosquitto, write_passwords
from tests.helpers.commands import SCENARIO, finish, lines, pids_with, start, summary
from tests.helpers.places import ROOT
from tests.helpers.running_fleet import TOKEN
from tests.helpers.transcripts import Teller
from tests.helpers.waiting import wait_for, whole_lines

PROGRAMS: Final = {"fleet-sim": "fleet_sim", "platform-probe": "platform_probe"}
RENTALS: Final = (ROOT / "tests/helpers/scenarios/rentals.yaml").read_text("utf-8")
FAULT: Final = """\
faults:
  - name: no_coverage_garage
    target: {ids: [car-00003, car-00004]}
    window: {start_s: 0, end_s: 7}
"""
_NEVER_SAID: Final = ("Traceback", "Exception ignored")


def _read_line(descriptor: int) -> str:
    """Read a line and no byte after it: `finish` reads the rest from the descriptor."""
    line = b""
    while not line.endswith(b"\n") and (byte := os.read(descriptor, 1)):
        line += byte
    return line.decode()


@dataclass
class LivePlayer(Teller):
    """Commands in a folder `HOME`, where `OUT` is the directory of a run.

    `scenario` writes `SCENARIO`, with texts replaced: `'duration_s: 4 -> duration_s: 9'`. `start`
    starts a command, `until` reads what it says up to a line, and `unlocks` waits for so many of
    its run. `signal` sends one to the command, to the first process with a word in its command that
    it started, or to `all`. `end` waits for its end, and shows the exit code. `run` does both.
    All these are about the last command, or the one that `to` names. `says` and `errors` show what
    matches of its stdout and stderr, `file` of a file. `summary` shows values of the run, and
    `within` whether one is between two. `bash` runs a line of a shell, whose `python` is ours.
    `limit` limits what is started next, `mosquitto` starts a `BROKER`, and `take_port` has another
    process listen at `PORT`.
    """

    home: Path = field(default_factory=lambda: Path(mkdtemp(prefix="live-")))
    told: list[str] = field(default_factory=list)
    process: subprocess.Popen[str] | None = None
    stdout: str = ""
    stderr: str = ""
    limits: dict[int, int] = field(default_factory=dict)
    stack: ExitStack = field(default_factory=ExitStack)
    words: dict[str, str] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    others: dict[str, subprocess.Popen[str]] = field(default_factory=dict)
    said: dict[int, str] = field(default_factory=dict)
    """What each process has said on stdout so far, but for the one that it is about."""
    brokers: dict[str, BrokerProcess] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Write the scenario."""
        self.words = {
            "SCENARIO": f"{self.home}/scenario.yaml",
            "OUT": f"{self.home}/run",
            "HOME": f"{self.home}",
            "ROOT": f"{ROOT}",
        }
        self.stack.callback(shutil.rmtree, self.home)
        self._do_scenario()

    def close(self) -> None:
        """End all that runs."""
        self.stack.close()

    def _replaced(self, text: str) -> str:
        for word, what in self.words.items():
            text = re.sub(rf"\b{word}\b", what, text)
        return text

    def _shown(self, text: str) -> str:
        for word, what in self.words.items():
            text = text.replace(what, word)
        return text

    def _tell_matches(self, pattern: str, text: str, *, each: bool = False) -> None:
        found = [one.group() for one in re.finditer(self._replaced(pattern), text)]
        shown = [self._shown(" ".join(one.split())) for one in found]
        self.told += (shown if each else [*dict.fromkeys(shown)]) or ["nothing"]

    def _do_rentals(self) -> None:
        """Write a scenario with customers, who expect nothing."""
        self._do_file_of("scenario.yaml", RENTALS.partition("expect:")[0])

    def _do_scenario(self, *changes: str, name: str = "scenario.yaml", more: str = "") -> None:
        text = SCENARIO + more.replace("FAULT", FAULT)
        for change in changes:
            before, _, after = change.partition(" -> ")
            assert before in text, before
            text = text.replace(before, after.replace("\\n", "\n"))
        self._do_file_of(name, text)

    def _do_file_of(self, name: str, text: str) -> None:
        """Write a file; a backslash and an n end a line."""
        path = self.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        text = self._replaced(text.replace("\\n", "\n"))
        path.write_text(text.replace("TWO_TOPICS", TWO_TOPICS), encoding="utf-8")

    def _do_mosquitto(self, name: str = "BROKER", *, users: str = "") -> None:
        """Start a broker, which may ask for one of some users with their passwords."""
        known = dict(one.split(":") for one in users.split())
        config = write_passwords(self.home / f"{name}.passwords", known) if known else ""
        self.brokers[name] = broker = self.stack.enter_context(running_mosquitto(config))
        self.words = {name: str(broker.address), f"{name}_HOST": f"127.0.0.1:{broker.port}"} | (
            self.words
        )

    def _do_kill_broker(self, name: str) -> None:
        self.brokers[name].kill()

    def _do_ask(
        self, method: str, path: str, body: str = "", *, until: object = "", wait: int = 0
    ) -> None:
        """Ask what serves, as customer anna: show the status and what became of it."""
        url = re.findall(r"serving http://([\w.:]+);", self.stdout)[-1]
        headers = {
            "Authorization": f"Bearer {TOKEN}",
            "Content-Type": "application/json",
            "Prefer": f"wait={wait}",
        }

        def answer() -> str:
            connection = HTTPConnection(url, timeout=60)
            sent = self._replaced(body).replace("IN_AN_HOUR", f"{time.time() + 3_600:.0f}")
            connection.request(method, self._replaced(path), sent, headers)
            answered = connection.getresponse()
            text = answered.read().decode()
            connection.close()
            if booking := re.search(r'"booking_id":"([^"]+)"', text):
                self.words["BOOKING"] = booking[1]
            became = re.search(r'(?<="state":")\w+|(?<="type":")[^"]+|^ready.*\(', text)
            return f"{answered.status} {became[0] if became else ''}".strip()

        answers: list[str] = []

        def is_it() -> bool:
            answers.append(self._shown(answer()))
            return str(until) in answers[-1]

        wait_for(is_it)
        self.told.append(answers[-1])

    def _do_to(self, name: str) -> None:
        """Turn to a command that was started under this name."""
        self._turn_to(self.others[name])

    def _turn_to(self, process: subprocess.Popen[str]) -> None:
        if self.process is not None:
            self.said[self.process.pid] = self.stdout
        self.process, self.stdout, self.stderr = process, self.said.get(process.pid, ""), ""

    def _do_take_port(self) -> None:
        taken = self.stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        self.words["PORT"] = str(taken.getsockname()[1])

    def _do_variable(self, name: str, value: str) -> None:
        """Set a variable for what is started next."""
        self.variables[name] = self._replaced(value)

    def _do_limit(self, name: str, value: int) -> None:
        self.limits[getattr(resource, f"RLIMIT_{name}")] = value

    def _do_start(self, command: str, *, name: str = "") -> None:
        program, *words = shlex.split(self._replaced(command))
        limits = {**self.limits}

        def set_limits() -> None:
            for kind, value in limits.items():
                resource.setrlimit(kind, (value, value))

        how: dict[str, Any] = {"cwd": self.home, "preexec_fn": set_limits}
        with mock.patch.dict(os.environ, self.variables):
            process = start(PROGRAMS.get(program, program), *words, **how)
        self.others[name] = self.stack.enter_context(process)
        self._turn_to(process)
        self.stack.callback(process.kill)

    def _running(self) -> subprocess.Popen[str]:
        assert self.process is not None
        return self.process

    def _do_until(self, words: str) -> None:
        pipe = self._running().stdout
        assert pipe is not None
        while line := _read_line(pipe.fileno()):
            self.stdout += line
            if serving := re.search(r"serving (http://[\w.:]+);", line):
                self.words["URL"] = serving[1]
            if words in line:
                return
        raise AssertionError(f"{words!r} was never said: {self.stdout}")

    def _do_unlocks(self, number: int) -> None:
        self._do_await("run/attempts.jsonl", ".+", number)

    def _do_await(self, name: str, pattern: str, number: int) -> None:
        """Wait until so many lines of a file match."""
        path, words = self.home / name, re.compile(pattern.encode())
        wait_for(lambda: sum(map(bool, map(words.search, whole_lines(path)))) >= number)

    def _do_signal(self, name: str, whom: str = "") -> None:
        pids = [self._running().pid]
        if whom == "all":
            children = Path(f"/proc/{pids[0]}/task/{pids[0]}/children").read_text("ascii")
            pids += map(int, children.split())
        elif whom:
            pids = [pid for pid in sorted(pids_with([whom, str(self.home)])) if pid not in pids]
            del pids[1:]
        for pid in pids:
            os.kill(pid, signal.Signals[name])

    def _do_end(self) -> None:
        code, stdout, self.stderr = finish(self._running())
        self.stdout += stdout
        self._end(code)

    def _end(self, code: int) -> None:
        said = self.stdout + self.stderr
        self.told.append(f"exit code {code}")
        self.told += [f"with {words}" for words in _NEVER_SAID if words in said]

    def _do_run(self, command: str) -> None:
        self._do_start(command)
        self._do_end()

    def _do_bash(self, line: str, **variables: str) -> None:
        """Run a line, and show its exit code and what it says."""
        ended = subprocess.run(
            ["bash", "-c", f'python() {{ "{sys.executable}" "$@"; }}\n{self._replaced(line)}'],
            cwd=self.home, capture_output=True, text=True, timeout=300, check=False,
            env={**os.environ, "PYTHONPATH": f"{ROOT}"}
            | {name: self._replaced(value) for name, value in variables.items()},
        )  # fmt: skip
        self.stdout, self.stderr = ended.stdout, ended.stderr
        self._end(ended.returncode)

    def _do_says(self, *patterns: str, each: bool = False) -> None:
        for pattern in patterns:
            self._tell_matches(pattern, self.stdout, each=each)

    def _do_errors(self, *patterns: str) -> None:
        for pattern in patterns:
            self._tell_matches(pattern, self.stderr)

    def _do_file(self, name: str, *patterns: str, each: bool = False) -> None:
        """Show what matches of a file of the run, or of `HOME`: each time that it does, or once."""
        path = self.home / "run" / name
        path = path if path.exists() else self.home / name
        text = path.read_text("utf-8") if path.exists() else ""
        for pattern in patterns:
            self._tell_matches(pattern, text, each=each)

    def _values(self, keys: Iterable[str]) -> Iterable[tuple[str, Any]]:
        found = summary(self.home / "run")
        return ((key, value_at(found, key)) for key in keys)

    def _do_summary(self, *keys: str) -> None:
        self.told += [
            f"{key}: {msgspec.json.encode(value).decode()}" for key, value in self._values(keys)
        ]

    def _do_within(self, key: str, low: float, high: float) -> None:
        ((_, value),) = self._values([key])
        self.told.append(f"{key} is {'' if low <= value <= high else 'not '}within {low} to {high}")

    def _do_recorded(self) -> None:
        """Show whether each unlock of the summary has a line."""
        ((_, total),) = self._values(["attempts.total"])
        is_so = total == len(lines(self.home / "run" / "attempts.jsonl")) > 10
        self.told.append(f"each unlock has {'a' if is_so else 'no'} line")

    def _do_nothing_is_left(self) -> None:
        """Wait until no process of the run is there."""
        wait_for(lambda: not pids_with([str(self.home)]))

    def _do_runs(self) -> None:
        self.told.append(f"{len([*self.home.glob('runs/*')])} directories of runs")

    def _do_fault_module(self, text: str) -> None:
        """Put a module of a user's own beside the faults, in a package in `HOME`."""
        package = self.home / "fleet_sim"
        (package / "faults").mkdir(parents=True)
        for path in (ROOT / "fleet_sim").iterdir():
            if path.name != "faults":
                (package / path.name).symlink_to(path)
        for path in (ROOT / "fleet_sim" / "faults").glob("*.py"):
            (package / "faults" / path.name).symlink_to(path)
        self._do_file_of("fleet_sim/faults/mine.py", text)
