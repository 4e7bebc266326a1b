"""Messages between the monitor and the console's process."""

from __future__ import annotations

from typing import Any

import msgspec

from platform_probe.tell.posting import MonitorAddress


class ChildConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of the process, in one line."""

    directory: str
    """The store or the records."""
    zone: str
    audit_file: str
    settings: dict[str, Any]
    """Those of the console, as its section has them."""
    monitor: MonitorAddress | None = None
    """The monitor that takes labels; None: it takes none."""


class ConsoleReply(msgspec.Struct, frozen=True, kw_only=True):
    """The reply of the process: where the pages are, or why there are none."""

    url: str | None = None
    problem: str | None = None
