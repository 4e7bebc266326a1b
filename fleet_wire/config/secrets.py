"""Secrets that stand in files: command lines are seen by everybody, environments by many."""

from __future__ import annotations

from pathlib import Path

from fleet_wire.errors import ConfigError


def read_secret(path: Path, *, name: str) -> str:
    """Return what a file holds, without the end of its line.

    Raises `ConfigError` that says `name` (the key or flag) and the path, never the content.
    """
    try:
        secret = path.read_text(encoding="utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        raise ConfigError([f"{name}: {path}: not UTF-8 text"]) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigError([f"{name}: {path}: {reason}"]) from None
    if not secret:
        raise ConfigError([f"{name}: {path}: is empty, expected the secret"])
    return secret
