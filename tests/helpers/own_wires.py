"""Profiles that users might write, in `wires/`: each has something that the shipped ones do not."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from bench.score.incidents import TWO_TOPICS

DESCRIPTORS: Final = Path(__file__).parent / "protobuf" / "fleet.binpb"
OWN_WIRES: Final = {
    "two-topics": TWO_TOPICS,
    **{
        path.stem: path.read_text(encoding="utf-8").replace("DESCRIPTORS", str(DESCRIPTORS))
        for path in sorted((Path(__file__).parent / "wires").glob("*.yaml"))
    },
}
"""By the name of their file."""
ALL_IN_ONE: Final = OWN_WIRES["all-in-one"]
ONE_FOR_ALL: Final = OWN_WIRES["one-for-all"]
ONE_TOPIC: Final = OWN_WIRES["one-topic"]
