"""Files that are no profile."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleet_wire.errors import ConfigError
from fleet_wire.profiles.loading import load_profile


def test_what_is_no_profile_is_said_so(tmp_path: Path) -> None:
    """A name that nobody has, a file that is not there, and one that is no YAML."""
    with pytest.raises(ConfigError, match="did you mean 'ovms'"):
        load_profile("ovmss")
    with pytest.raises(ConfigError, match="cannot be read"):
        load_profile(str(tmp_path / "none.yaml"))
    (tmp_path / "bad.yaml").write_text("a: [", "utf-8")
    with pytest.raises(ConfigError, match=r"bad.yaml:1: not valid YAML"):
        load_profile(str(tmp_path / "bad.yaml"))
    (tmp_path / "empty.yaml").write_text("{}", "utf-8")
    with pytest.raises(ConfigError, match="command: missing"):
        load_profile(str(tmp_path / "empty.yaml"))
