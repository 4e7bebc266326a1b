"""Run one fleet: `python -m bench.fleets KIND --host HOST --port PORT --count N`."""

from __future__ import annotations

import argparse
import importlib
import resource
from pathlib import Path

from bench.fleets.common import FleetArguments

_MODULES = {
    "bare": "lean_boxes",
    "bare3": "lean_boxes",
    "full": "full_boxes",
    "paho": "paho_boxes",
    "gmqtt": "gmqtt_boxes",
    "aiomqtt": "aiomqtt_boxes",
    "handshakes": "handshakes",
}


def main() -> None:
    """Parse the arguments and run that fleet, importing no other stack: it would cost memory."""
    parser = argparse.ArgumentParser(prog="bench.fleets")
    parser.add_argument("kind", choices=_MODULES)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument(
        "--ca-file", type=Path, help="with TLS: `bare`, `bare3` and `handshakes` alone"
    )
    arguments = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    module = importlib.import_module(f"bench.fleets.{_MODULES[arguments.kind]}")
    module.run(FleetArguments(**vars(arguments)))


if __name__ == "__main__":
    main()
