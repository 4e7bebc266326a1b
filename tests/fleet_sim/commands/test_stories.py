"""What commands print, in the text files of this folder."""

from __future__ import annotations

import re
import shlex
import shutil
import weakref
from contextlib import chdir
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp

from tests.helpers import sweeps
from tests.helpers.commands import SCENARIO
from tests.helpers.own_commands import run_here
from tests.helpers.run_player import RunPlayer
from tests.helpers.transcripts import Teller, stories_test

FILES = {
    "scenario.yaml": SCENARIO,
    "wrong.yaml": SCENARIO.replace("actuation:", "actuaton:"),
    "customers.yaml": SCENARIO
    + "customers: {stages: [{kind: constant, rate_per_s: 1, duration_s: 5}]}\n",
    "acl.yaml": SCENARIO + "faults: [{name: acl_denied_silent, window: {start_s: 0}}]\n",
    "full.yaml": SCENARIO + "faults: [{name: queue_full_drop, window: {start_s: 0, end_s: 1}}]\n",
    "garage.yaml": sweeps.SCENARIO,
    "manifest.json": "{}",
}


@dataclass
class MistakePlayer(Teller):
    """Somebody who mistypes commands, in a directory with `FILES` and an `empty` one.

    `try "LINE"` tells what its error says, without the usage. It ends with exit code 2, and leaves
    no file behind.
    NOBODY is a broker that does not run, and 1..9 are the numbers from 1 to 9.
    """

    home: Path = field(default_factory=lambda: Path(mkdtemp(prefix="mistakes-")))
    told: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Write the files, and remove them with the player."""
        weakref.finalize(self, shutil.rmtree, self.home)
        (self.home / "empty").mkdir()
        for name, text in FILES.items():
            (self.home / name).write_text(text, encoding="utf-8")

    def _do_try(self, line: str) -> None:
        before = {*self.home.rglob("*"), self.home / "runs"}
        line = line.replace("NOBODY", "--broker mqtt://127.0.0.1:1")
        line = re.sub(r"(\d+)\.\.(\d+)", _numbers, line)
        with chdir(self.home):
            code, stdout, stderr = run_here("fleet_sim", *shlex.split(line))
        assert code == 2, stdout
        assert {*self.home.rglob("*")} <= before
        said = stderr.replace(str(self.home), "HOME").splitlines()
        self.told += [one.rstrip() for one in said if not re.match(r"Usage: |Try '|\s*$", one)]


def _numbers(span: re.Match[str]) -> str:
    return ",".join(map(str, range(int(span[1]), int(span[2]) + 1)))


test_stories = stories_test(__file__, RunPlayer, mistakes=MistakePlayer)
