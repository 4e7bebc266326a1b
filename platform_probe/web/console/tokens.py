"""Tokens from a file: on each line a name, a role and the hash of a token."""

from __future__ import annotations

import hashlib
import re
import secrets
from pathlib import Path
from typing import Final

from fleet_wire.errors import ConfigError
from fleet_wire.web.bearer import as_bytes
from platform_probe.web.console.person import RIGHTS

TOKEN_BYTES: Final = 32
_HASH: Final = re.compile(r"[0-9a-f]{64}")


class TokenFile:
    """Names, roles and hashes of tokens; read again when the file has changed."""

    def __init__(self, path: Path) -> None:
        """Read it. Raises `ConfigError` that says what is wrong in which line."""
        self._path = path
        self._stamp: tuple[int, int] | None = None
        self._by_hash: dict[str, tuple[str, str]] = {}
        self._load()

    def person_of(self, token: str) -> tuple[str, str] | None:
        """Return name and role of a token; None where it is none."""
        self._load_if_changed()
        return self._by_hash.get(token_hash(token))

    def hashes_of(self, name: str, role: str) -> list[str]:
        """Return the hashes of the tokens that a name has now, for a role."""
        self._load_if_changed()
        return [each for each, whose in self._by_hash.items() if whose == (name, role)]

    def _load_if_changed(self) -> None:
        try:
            if self._stamp != self._stamp_now():
                self._load()
        except (ConfigError, OSError):
            self._by_hash = {}  # a file that cannot be read lets nobody in

    def _stamp_now(self) -> tuple[int, int]:
        found = self._path.stat()
        return found.st_mtime_ns, found.st_size

    def _load(self) -> None:
        try:
            self._stamp = self._stamp_now()
            text = self._path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "is no text"
            raise ConfigError([f"tokens_file {self._path}: {reason}"]) from None
        problems, by_hash = [], {}
        for number, line in enumerate(text.splitlines(), start=1):
            parts = line.partition("#")[0].split()
            if not parts:
                continue
            problem = _token_problem(parts)
            if problem is not None:
                problems.append(f"{self._path}:{number}: {problem}")
            else:
                by_hash[parts[2]] = (parts[0], parts[1])
        if problems:
            raise ConfigError(problems)
        self._by_hash = by_hash


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
