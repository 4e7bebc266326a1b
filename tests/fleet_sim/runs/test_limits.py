"""The machine's limits are named, with the command that raises them."""

from __future__ import annotations

import resource
import shlex
import shutil
from pathlib import Path

import pytest

from fleet_sim.runs import memory
from fleet_sim.runs.limits import check_disk, check_memory, raise_descriptor_limit
from fleet_wire.errors import LimitError


def test_the_soft_limit_is_raised_as_far_as_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hard limit stays, and is named with its cure; one that is high enough is left alone."""
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, 20_000))
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: asked.append(limits))
    raise_descriptor_limit(10_000)
    raise_descriptor_limit(100)
    assert asked == [(10_100, 20_000)]
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


def have_memory(
    directory: Path, monkeypatch: pytest.MonkeyPatch, *, machine: int, limit: str, current: int
) -> None:
    """Let the machine have so much free memory, and the container a limit and what it takes."""
    meminfo = directory / "meminfo"
    meminfo.write_text(f"MemTotal: 9 kB\nMemAvailable: {machine // 1024} kB\n")
    for name, text in (
        ("max", limit), ("current", f"{current}"),
        ("stat", "anon 5\ninactive_file 1000000\nactive_file 7\n"),
    ):  # fmt: skip
        (directory / f"memory.{name}").write_text(f"{text}\n")
    monkeypatch.setattr(memory, "MEMINFO", meminfo)
    monkeypatch.setattr(memory, "CGROUP", directory)
    monkeypatch.setattr(memory, "OWN_CGROUP", directory / "none")


def test_memory_that_is_too_short_is_said_before_the_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """With how many cars there is room for; brokers elsewhere take none of it."""
    have_memory(tmp_path, monkeypatch, machine=1_900_000 * 1024, limit="max", current=0)
    check_memory(100_000, with_brokers=True, groups={})
    with pytest.raises(LimitError, match=r"(?s)brokers need about 3.7 GB.*room for 105,167"):
        check_memory(200_000, with_brokers=True, groups={"city": 200_000})
    check_memory(200_000, with_brokers=False, groups={})


def test_the_cure_for_too_little_memory_cures_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Copied as it stands: each group keeps its share, whatever its name, and a car at least."""
    groups = {"country": 180_000, "a coast": 20_000, "station": 40}
    have_memory(tmp_path, monkeypatch, machine=1_900_000 * 1024, limit="max", current=0)
    with pytest.raises(LimitError) as raised:
        check_memory(200_040, with_brokers=True, groups=groups)
    flags = shlex.split(raised.value.cure.partition("  (")[0])
    assert flags[::2] == ["--set"] * 3
    words = [flag.removeprefix("fleet.groups.").split(".count=") for flag in flags[1::2]]
    fewer = {name: int(count) for name, count in words}
    assert {*fewer} == {*groups}
    assert fewer["country"] == pytest.approx(9 * fewer["a coast"], rel=0.01)
    assert 99_000 < sum(fewer.values()) < 105_167
    check_memory(sum(fewer.values()), with_brokers=True, groups=fewer)
    have_memory(tmp_path, monkeypatch, machine=20_480, limit="max", current=0)
    with pytest.raises(LimitError, match=r"(?s)room for 1\b.*cure: free -g"):
        check_memory(2, with_brokers=True, groups={"one": 1, "other": 1})


def test_a_container_has_what_its_limit_leaves(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """However much the machine has; pages that cache files are as good as free."""
    have_memory(tmp_path, monkeypatch, machine=2**40, limit="512000000", current=63_000_000)
    check_memory(50_000, with_brokers=False, groups={})
    with pytest.raises(LimitError, match=r"(?s)50,001 boxes need.*room for 50,000.*--shard K/N"):
        check_memory(50_001, with_brokers=False, groups={})


OWN = "5:cpu,cpuacct:/pod/app\n4:memory:/pod/app\n0::/service/app\n"


@pytest.mark.parametrize(
    ("directory", "limit", "used", "cached"),
    [
        ("memory/pod/app", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
        ("memory/pod", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
        ("memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
        ("service/app", "memory.max", "memory.current", "inactive_file"),
        ("service", "memory.max", "memory.current", "inactive_file"),
        (".", "memory.max", "memory.current", "inactive_file"),
    ],
)
def test_a_limit_of_any_cgroup_above_us_counts(
    directory: str,
    limit: str,
    used: str,
    cached: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """Of version 1 or 2, of a service or a container, which sees its own as the uppermost."""
    have_memory(tmp_path, monkeypatch, machine=2**40, limit="max", current=0)
    own = tmp_path / "own"
    own.write_text(OWN)
    monkeypatch.setattr(memory, "OWN_CGROUP", own)
    place = tmp_path / directory
    place.mkdir(parents=True, exist_ok=True)
    (place / limit).write_text("500000\n")
    (place / used).write_text("100000\n")
    (place / "memory.stat").write_text(f"{cached} 7\n")
    assert memory.available_bytes() == 400_007
