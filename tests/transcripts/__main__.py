"""Play transcripts, and write what comes of their events today: `--renew [FILE...]`.

Look at what differs before it is committed: a transcript says what is right.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path

from tests.helpers.places import ROOT
from tests.helpers.transcripts import PLAYERS, Player, renew


def all_players() -> Mapping[Path, Callable[[], Player]]:
    """Return what plays each transcript, of all `test_stories.py`."""
    for file in sorted((ROOT / "tests").rglob("test_stories.py")):
        import_module(".".join(file.relative_to(ROOT).with_suffix("").parts))
    return PLAYERS


def main() -> None:
    """Write the transcripts that are named, or all."""
    match sys.argv[1:]:
        case ["--renew", *names]:
            players = all_players()
            paths = [Path(name).resolve() for name in names]
            if unknown := [str(path) for path in paths if path not in players]:
                sys.exit(f"no transcript: {', '.join(unknown)}; name a file, or none for all")
            for path in paths or players:
                renew(path, players[path])
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
