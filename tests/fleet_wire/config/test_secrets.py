"""Secrets in files."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleet_wire.config.secrets import read_secret
from fleet_wire.errors import ConfigError


@pytest.mark.parametrize("written", ["hunter2", "hunter2\n", "hunter2\r\n"])
def test_end_of_line_is_no_part_of_it(tmp_path: Path, written: str) -> None:
    """Editors end the line, `kubectl create secret` does not."""
    (tmp_path / "secret").write_bytes(written.encode())
    assert read_secret(tmp_path / "secret", name="key") == "hunter2"


@pytest.mark.parametrize("written", [b"", b"\n", b"hunter2\xff"])
def test_what_is_no_secret_is_named_but_not_shown(tmp_path: Path, written: bytes) -> None:
    """Key and path say where to look; the content stays where it is."""
    (tmp_path / "secret").write_bytes(written)
    with pytest.raises(ConfigError, match=rf"key: {tmp_path}/secret: ") as caught:
        read_secret(tmp_path / "secret", name="key")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("name", ["missing", ".", "a\0b"])
def test_file_that_cannot_be_read(tmp_path: Path, name: str) -> None:
    """It is an error of the user, in one line."""
    with pytest.raises(ConfigError, match="key: "):
        read_secret(tmp_path / name, name="key")
