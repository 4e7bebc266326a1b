"""The plug-in form of faults."""

from __future__ import annotations

from typing import ClassVar

import pytest

from fleet_sim.faults import FAULTS, Fault
from fleet_sim.faults.registry import register


def test_only_a_delay_is_no_failure_mode() -> None:
    """All other faults have a mode of their name, which says what everybody knows of them."""
    assert [name for name, fault in FAULTS.items() if fault.mode is None] == ["slow_database"]


def test_a_fault_without_a_mode_is_refused() -> None:
    """The error says what to declare."""

    class Unknown(Fault):
        name: ClassVar[str] = "not_declared"

    with pytest.raises(ValueError, match="'not_declared': declare one"):
        register(Unknown)


def test_a_name_is_given_once() -> None:
    """A second fault of the same name is a defect that shows at import."""

    class Twin(Fault):
        name: ClassVar[str] = "no_coverage_garage"
        summary: ClassVar[str] = "the same name again"

    with pytest.raises(ValueError, match="no_coverage_garage"):
        register(Twin)
