"""The identity of each box at the broker: a user name and password, or a certificate, of its own.

A broker's access rules can then be tested that give each box its own topics and no other's.
"""

from __future__ import annotations

import csv
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from fleet_sim.cars.modem import Modem
from fleet_wire.config.secrets import read_secret
from fleet_wire.error_text import first_few
from fleet_wire.errors import ConfigError
from fleet_wire.links.brokers import Brokers
from fleet_wire.links.connecting import Identity
from fleet_wire.links.link import LinkHandler
from fleet_wire.links.tls import tls_context, tls_for

PLACE = "{vehicle_id}"
"""The placeholder for the car's id in a pattern."""
COLUMNS = ("vehicle_id", "username", "password")
MOST_NAMED = 3
"""Most cars without credentials that an error names."""

_Login = tuple[str | None, str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """Certificates for an `mqtts://` broker."""

    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None

    def as_settings(self) -> dict[str, str]:
        """Return their part of the probe's configuration."""
        files = {"ca_file": self.ca_file, "cert_file": self.cert_file, "key_file": self.key_file}
        return {name: str(file.resolve()) for name, file in files.items() if file is not None}

    def context_for(self, brokers: Brokers) -> ssl.SSLContext | None:
        """Return the TLS context for brokers; None for those without TLS."""
        return tls_for(
            brokers, ca_file=self.ca_file, cert_file=self.cert_file, key_file=self.key_file
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialOptions:
    """The user's options for the boxes' credentials. A pattern may hold `{vehicle_id}`."""

    box_user: str | None = None
    """Pattern of the user names."""
    box_password_file: str | None = None
    """Pattern of the files that hold the passwords."""
    box_table: Path | None = None
    """CSV file of vehicle ids, user names and passwords, instead of the two."""
    box_cert_file: str | None = None
    box_key_file: str | None = None

    @property
    def is_configured(self) -> bool:
        """Whether boxes are to be told apart at all."""
        return any((self.box_user, self.box_table, self.box_cert_file))

    def check(self, *, is_tls: bool) -> None:
        """Raise `ConfigError` where the options do not go together, or not with the broker."""
        problems = []
        if self.box_table is not None and (self.box_user or self.box_password_file):
            problems.append("--box-credentials: has user and password; leave out --box-user")
        if self.box_password_file and not self.box_user:
            problems.append("--box-password-file: needs --box-user")
        if self.box_key_file and not self.box_cert_file:
            problems.append("--box-key-file: needs --box-cert-file")
        if self.box_cert_file and not is_tls:
            problems.append("--box-cert-file: needs a broker with TLS, --broker mqtts://...")
        if self.box_cert_file and PLACE not in self.box_cert_file:
            problems.append(
                f"--box-cert-file {self.box_cert_file}: expected {PLACE} in it; for one certificate"
                " for all boxes say --cert-file"
            )
        if problems:
            raise ConfigError(problems)


class BoxCredentials:
    """The identity of each box of a fleet."""

    def __init__(
        self, options: CredentialOptions, vehicle_ids: Iterable[str], *, ca_file: Path | None
    ) -> None:
        """Read the logins of these cars.

        Raises `ConfigError` for what cannot be read, and for cars that have none.
        """
        self._options = options
        self._ca_file = ca_file
        ids = list(vehicle_ids)
        if options.box_table is not None:
            self._logins = _read_logins(options.box_table)
            if missing := [one for one in ids if one not in self._logins]:
                named = first_few(missing, len(missing), MOST_NAMED)
                problem = f"--box-credentials {options.box_table}: has no line for {named}"
                raise ConfigError([problem])
        else:
            self._logins = {one: _login(options, one) for one in ids}
        for name, pattern in (
            ("--box-cert-file", options.box_cert_file),
            ("--box-key-file", options.box_key_file),
        ):
            if pattern is not None:
                _check_readable(name, (_path(pattern, one) for one in ids))

    def identity_of(self, handler: LinkHandler) -> Identity | None:
        """Return who a box is; None for a client that is none of the fleet's. Raises `ConfigError`.

        A certificate is read at each connect, so that one which is renewed is used; a context takes
        a millisecond to make.
        """
        vehicle_id = handler.vehicle_id if isinstance(handler, Modem) else ""
        login = self._logins.get(vehicle_id)
        if login is None:
            return None
        return Identity(username=login[0], password=login[1], tls=self._tls_context(vehicle_id))

    def _tls_context(self, vehicle_id: str) -> ssl.SSLContext | None:
        certificate, key = self._options.box_cert_file, self._options.box_key_file
        if certificate is None:
            return None
        return tls_context(
            ca_file=self._ca_file,
            cert_file=_path(certificate, vehicle_id),
            key_file=_path(key, vehicle_id) if key else None,
        )


def _login(options: CredentialOptions, vehicle_id: str) -> _Login:
    if not options.box_user:
        return None, None
    password = None
    if options.box_password_file:
        file = _path(options.box_password_file, vehicle_id)
        password = read_secret(file, name="--box-password-file")
    return options.box_user.replace(PLACE, vehicle_id), password


def _path(pattern: str, vehicle_id: str) -> Path:
    return Path(pattern.replace(PLACE, vehicle_id))


def _check_readable(name: str, files: Iterable[Path]) -> None:
    for file in files:
        try:
            with file.open("rb"):
                pass
        except OSError as error:
            raise ConfigError([f"{name} {file}: {error.strerror}"]) from None


def _read_logins(table: Path) -> dict[str, _Login]:
    """Return the user names and passwords in a file, by vehicle id; what it says is not echoed."""
    name = f"--box-credentials {table}"
    logins: dict[str, _Login] = {}
    try:
        with table.open(encoding="utf-8", newline="") as file:
            for number, row in enumerate(csv.reader(file), start=1):
                if tuple(row) == COLUMNS or not row:
                    continue
                if len(row) != len(COLUMNS):
                    expected = f"expected {','.join(COLUMNS)}"
                    raise ConfigError([f"{name}:{number}: {len(row)} values, {expected}"])
                vehicle_id, username, password = row
                logins[vehicle_id] = (username, password)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a CSV file in UTF-8"
        raise ConfigError([f"{name}: {reason}"]) from None
    return logins
