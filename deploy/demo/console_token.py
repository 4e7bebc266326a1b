# ruff: noqa: INP001 - a script that a container mounts
"""Make the token with which one opens the demo's console, at the first start of the demo.

The console reads the file of hashes, `welcome.py` prints the token.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

DIRECTORY = Path("/data/console")


def main() -> None:
    """Write a token and the file of hashes, unless an earlier start has."""
    tokens = DIRECTORY / "tokens.txt"
    if tokens.exists():
        return
    DIRECTORY.mkdir(mode=0o750, exist_ok=True)
    said = subprocess.run(
        ["platform-probe", "console", "--new-token", "demo:admin"],  # noqa: S607 - of the image
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    first, *_, line = said.splitlines()
    (DIRECTORY / "demo.token").write_text(f"{first.rpartition(' ')[2]}\n", encoding="ascii")
    # Last: where this file is, the token is too.
    tokens.write_text(f"{line}\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
