"""The model beside published measurements: `python -m bench.fidelity [--page FILE]`."""

from __future__ import annotations

import argparse
from pathlib import Path

from bench.fidelity.page import page, table
from bench.fidelity.rows import all_rows


def main() -> None:
    """Print the table, and write the page."""
    parser = argparse.ArgumentParser(prog="python -m bench.fidelity", description=__doc__)
    parser.add_argument("--page", type=Path, help="write the page of the docs there")
    arguments = parser.parse_args()
    rows = all_rows()
    print(table(rows))
    if arguments.page is not None:
        arguments.page.write_text(page(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
