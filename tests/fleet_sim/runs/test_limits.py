"""The machine's limits are named, with the command that raises them."""

from __future__ import annotations

import resource
import shutil
from pathlib import Path

import pytest

from fleet_sim.runs.limits import check_disk, raise_descriptor_limit
from fleet_wire.errors import LimitError


def test_the_soft_limit_is_raised_as_far_as_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hard limit stays; a limit that is high enough is left alone."""
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, 20_000))
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: asked.append(limits))
    raise_descriptor_limit(10_000)
    raise_descriptor_limit(100)
    assert asked == [(10_100, 20_000)]


def test_a_hard_limit_that_is_too_low_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error holds the limit, the need and the cure."""
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, 20_000))
    with pytest.raises(LimitError, match=r"(?s)30000 boxes need 30100.*20000.*ulimit -Hn 30100"):
        raise_descriptor_limit(30_000)


def test_a_full_disk_is_refused_before_the_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The error names the directory and the command that shows the disk."""
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1_000_000))
    with pytest.raises(LimitError, match=rf"(?s){tmp_path}: 1 MB free.*df -h {tmp_path}"):
        check_disk(tmp_path)
