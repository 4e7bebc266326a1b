"""Maintenance windows: what was announced needs no message."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class MaintenanceWindow:
    """A time in which something is expected to be broken."""

    name: str
    since: float
    """Unix seconds."""
    until: float
    cohort: Mapping[str, str] = field(default_factory=dict)
    """Whom it concerns, value by trait; empty: everybody."""

    def covers(self, cohort: Mapping[str, str], at: float) -> bool:
        """Return whether an incident of a cohort is expected at a moment.

        One that reaches beyond the window's cohort is not.
        """
        is_within = all(cohort.get(name) == value for name, value in self.cohort.items())
        return is_within and self.since <= at < self.until


def window_of(
    windows: Iterable[MaintenanceWindow], cohorts: Collection[Mapping[str, str]], at: float
) -> str | None:
    """Return the name of the window that covers all of these cohorts at a moment, or None."""
    for window in windows:
        if all(window.covers(cohort, at) for cohort in cohorts):
            return window.name
    return None


def is_past(windows: Iterable[MaintenanceWindow], name: str | None, at: float) -> bool:
    """Return whether no window of a name goes on at a moment."""
    return not any(one.name == name and one.since <= at < one.until for one in windows)
