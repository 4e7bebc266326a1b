"""Files with data of customers: who may read them, and that they are whole."""

from __future__ import annotations

import ast
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet_wire.private_files import FOR_GROUP, FOR_OWNER, open_to_append, write_whole
from tests.helpers.places import ROOT


@pytest.fixture(autouse=True)
def _open_umask() -> Iterator[None]:
    """Set the umask that leaves most to others."""
    before = os.umask(0)
    yield
    os.umask(before)


def mode_of(path: Path) -> int:
    """Return who may do what with a file."""
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("mode", [FOR_OWNER, FOR_GROUP])
@pytest.mark.parametrize("is_synced", [False, True])
def test_a_file_has_its_mode_whatever_was_there(
    tmp_path: Path, mode: int, *, is_synced: bool
) -> None:
    """Also where an earlier release left a file that everybody may read, or half of a new one."""
    path = tmp_path / "state.json"
    for earlier in (path, tmp_path / "state.json.new"):
        earlier.write_text("an earlier and much longer content")
        earlier.chmod(0o666)
    write_whole(path, b"new", mode, is_synced=is_synced)
    assert path.read_bytes() == b"new"
    assert mode_of(path) == mode
    assert [*tmp_path.iterdir()] == [path]


def test_records_are_appended_for_owner_and_group(tmp_path: Path) -> None:
    """What is there stays."""
    for line in (b"a", b"b"):
        descriptor = open_to_append(tmp_path / "records.jsonl")
        os.write(descriptor, line)
        os.close(descriptor)
    assert (tmp_path / "records.jsonl").read_bytes() == b"ab"
    assert mode_of(tmp_path / "records.jsonl") == FOR_GROUP


def test_no_other_module_decides_who_may_read_a_file() -> None:
    """Each number of `open` and `chmod` has a name there."""
    here = Path("fleet_wire/private_files.py")
    sources = [
        path.relative_to(ROOT)
        for room in ("fleet_wire", "fleet_sim", "platform_probe")
        for path in (ROOT / room).rglob("*.py")
    ]
    found = []
    for source in sources:
        text = (ROOT / source).read_text("utf-8")
        for node in ast.walk(ast.parse(text)) if re.search(r"(open|chmod|touch)\(", text) else ():
            if not isinstance(node, ast.Call):
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
            values = [*node.args, *(keyword.value for keyword in node.keywords)]
            if name in {"open", "chmod", "fchmod", "touch"} and any(
                isinstance(each, ast.Constant) and type(each.value) is int for each in values
            ):
                found.append(f"{source}:{node.lineno}")
    assert here in sources
    assert found == []
