"""Two results of `fleet-sim truth` side by side, by `fleet-sim compare`."""

from __future__ import annotations

from pathlib import Path

import msgspec
from click.testing import CliRunner, Result

from fleet_sim.__main__ import main
from fleet_sim.truth.grading import Grade
from tests.helpers.junit import read_junit
from tests.helpers.truth_results import Modes, result_of, write_result

GOOD: Modes = {"auto_relock": {Grade.TRUE: 190, Grade.LATE: 10}, "control": {Grade.TRUE: 9}}
BAD: Modes = {
    "auto_relock": {Grade.TRUE: 120, Grade.FALSE_SUCCESS: 80},
    "control": {Grade.TRUE: 9},
}
ALIKE: Modes = {"auto_relock": {Grade.TRUE: 188, Grade.STALE: 2, Grade.LATE: 10}}


def compared(tmp_path: Path, a: dict[str, Modes], b: dict[str, Modes], *words: str) -> Result:
    """Run `fleet-sim compare` on two results."""
    runs = [write_result(tmp_path / name, result_of(it)) for name, it in (("a", a), ("b", b))]
    return CliRunner().invoke(main, ["compare", *map(str, runs), *words])


def test_a_release_that_lies_more_is_worse(tmp_path: Path) -> None:
    """The last line says in what, and the exit code is 1, unless so much is tolerated."""
    junit = tmp_path / "result.xml"
    result = compared(tmp_path, {"app": GOOD}, {"app": BAD}, "--junit", str(junit))
    assert result.exit_code == 1, result.output
    lines = result.output.splitlines()
    assert lines[0] == f"A: {tmp_path / 'a'}, app"
    assert lines[3].split()[:8] == ["app", "told", "the", "truth", "95.00", "%", "60.00", "%"]
    assert lines[-1].startswith("✗ B is worse: app told the truth, app told something untrue")
    assert "control" not in result.output, "it is the same in both"
    read = read_junit(junit)
    assert len(read.findall(".//failure")) == 2
    runs = (str(tmp_path / "a"), str(tmp_path / "b"))
    tolerated = CliRunner().invoke(main, ["compare", *runs, "--tolerate", "60%"])
    assert tolerated.exit_code == 0, tolerated.output


def test_a_release_that_is_alike_is_not_worse(tmp_path: Path) -> None:
    """Two unlocks of two hundred could be chance; it may even have another name."""
    result = compared(tmp_path, {"app-1": GOOD}, {"app-2": ALIKE})
    assert result.exit_code == 0, result.output
    assert "points less truth is the most that could hide" in result.output


def test_each_client_of_both_is_compared(tmp_path: Path) -> None:
    """Also as JSON; a client of one result alone is left out."""
    before: dict[str, Modes] = {"app": GOOD, "ha": BAD, "old": GOOD}
    result = compared(tmp_path, before, {"app": GOOD, "ha": GOOD}, "--json")
    assert result.exit_code == 0, result.output
    found = msgspec.json.decode(result.stdout)
    assert found["verdict"] == "better"
    assert [(each["key"], each["change"]) for each in found["differences"]] == [
        ("truth.app told the truth", "same"),
        ("truth.app told something untrue", "same"),
        ("truth.ha told the truth", "better"),
        ("truth.ha told something untrue", "better"),
        ("truth.  ha auto_relock", "better"),
    ]


def test_what_cannot_be_compared_is_named(tmp_path: Path) -> None:
    """No client of both, or a directory that holds another kind of run."""
    result = compared(tmp_path, {"app": GOOD, "ha": GOOD}, {"other": GOOD})
    assert result.exit_code == 2
    assert "no client of both was graded: app, ha and other" in result.output
    (tmp_path / "empty").mkdir()
    result = CliRunner().invoke(main, ["compare", str(tmp_path / "a"), str(tmp_path / "empty")])
    assert result.exit_code == 2
    assert str(tmp_path / "empty" / "truth.json") in result.output
