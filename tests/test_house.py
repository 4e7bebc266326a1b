"""Where tests are."""

from __future__ import annotations

from tests.helpers.longest_first import LONGEST
from tests.helpers.places import ROOT

PACKAGES = ("fleet_wire", "fleet_sim", "platform_probe")
TESTS = ROOT / "tests"


def test_files_that_come_first_are_there() -> None:
    """One that has moved would come whenever, and the last worker would wait for it."""
    assert [name for name in LONGEST if not (TESTS / name).is_file()] == []


def test_tests_lie_where_what_they_test_lies() -> None:
    """Folders are those of the packages; a test with a module's name is in the module's folder."""
    for package in PACKAGES:
        for path in (TESTS / package).rglob("test_*.py"):
            room = path.parent.relative_to(TESTS)
            assert (ROOT / room).is_dir(), f"{room} is no folder of a package"
            name = path.stem.removeprefix("test_")
            modules = (ROOT / package).rglob(f"{name}.py")
            homes = {module.parent.relative_to(ROOT) for module in modules}
            assert not homes or room in homes or room.name == name, f"{path} tests {homes}/{name}"
