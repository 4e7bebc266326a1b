"""Tokens from a file: on each line a name, a role and the hash of a token."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from fleet_wire.config.lines import lines_of
from fleet_wire.errors import ConfigError
from fleet_wire.web.bearer import as_bytes
from platform_probe.web.console.person import RIGHTS

TOKEN_BYTES: Final = 32
_HASH: Final = re.compile(r"[0-9a-f]{64}")


def tokens_in(path: Path) -> Mapping[str, tuple[str, str]]:
    """Return names and roles by the hash of their token.

    Raises `ConfigError` that says what is wrong in which line.
    """
    problems, by_hash = [], {}
    for number, line in lines_of(path):
        parts = line.partition("#")[0].split()
        problem = _token_problem(parts)
        if problem is not None:
            problems.append(f"{path}:{number}: {problem}")
        else:
            by_hash[parts[2]] = (parts[0], parts[1])
    if problems:
        raise ConfigError(problems)
    return by_hash


def _token_problem(parts: list[str]) -> str | None:
    if len(parts) != 3:  # noqa: PLR2004 - name, role, hash
        return "expected a name, a role and a hash, as `platform-probe console --new-token` prints"
    if parts[1] not in RIGHTS:
        return f"no role {parts[1]!r}, expected one of {', '.join(RIGHTS)}"
    if not _HASH.fullmatch(parts[2]):
        return "the hash is not 64 hexadecimal digits; the token itself does not belong here"
    return None


def new_token() -> str:
    """Return a token that nobody guesses."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def token_hash(token: str) -> str:
    """Return the hash of a token. Tokens are long and random: no salt is needed."""
    return hashlib.sha256(as_bytes(token)).hexdigest()
