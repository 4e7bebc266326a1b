"""Change the core one expression at a time; list what its own tests do not notice.

mutmut makes the changes, in a copy under `mutants/`, and runs the tests that call the changed
function. A sample of them takes minutes on two cores, and all of them take hours. Either can be
interrupted and goes on where it was, for what was noticed stays noticed until its file changes.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from tests.helpers.mutants import (
    LOG,
    Score,
    names_by_path,
    not_noticed_yet,
    percent_of,
    run_mutmut,
    sample,
    score_of,
    start_afresh,
)
from tests.helpers.places import ROOT

ENOUGH_PERCENT = 95
"""Of all that can be noticed, so much is; a file that is far below has tests worth reading."""


def main() -> int:
    """Try the changes, print scores and what was not noticed; return 1 where a score is too low."""
    arguments = _arguments()
    os.chdir(ROOT)
    names = names_by_path(is_meant=lambda path: _is_meant(path, arguments))
    if not names:
        sys.exit(f"no file to change begins with {' or '.join(arguments.paths)}")
    if not arguments.all:
        names = sample(names, each=arguments.each, seed=arguments.seed)
        _say(f"seed {arguments.seed}: up to {arguments.each} changes to each file, see --help")
    wanted = not_noticed_yet(names)
    start_afresh()
    if wanted and run_mutmut(wanted):
        sys.exit(f"mutmut did not get through: see {ROOT / LOG}")
    scores = [score_of(path, found) for path, found in names.items()]
    _print(scores)
    return int(percent_of(scores) < ENOUGH_PERCENT)


def _is_meant(path: Path, arguments: argparse.Namespace) -> bool:
    return not arguments.paths or str(path).startswith(tuple(arguments.paths))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("paths", nargs="*", help="files or folders; else all that are set")
    parser.add_argument("--all", action="store_true", help="every change in place of a sample")
    parser.add_argument("--each", type=int, default=5, help="changes to each file (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="which ones (%(default)s)")
    return parser.parse_args()


def _print(scores: list[Score]) -> None:
    _say("noticed   of  equivalent")
    for score in sorted(scores, key=lambda one: one.percent):
        tried = score.tried - score.equivalent
        _say(f"{score.percent:5.0f} % {tried:5d} {score.equivalent:10d}   {score.path}")
    _say(f"{percent_of(scores):5.1f} % of all")
    for score in scores:
        for change in score.survivors:
            _say(f"\n{score.path} {change.function}\n  - {change.old}\n  + {change.new}")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
