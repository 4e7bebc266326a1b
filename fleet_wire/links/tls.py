"""The TLS contexts of clients."""

from __future__ import annotations

import ssl
from pathlib import Path

from fleet_wire.errors import ConfigError
from fleet_wire.links.brokers import Brokers
from fleet_wire.links.link import BrokerAddress


def tls_context(
    *, ca_file: Path | None = None, cert_file: Path | None = None, key_file: Path | None = None
) -> ssl.SSLContext:
    """Return the TLS context of a client; without `ca_file` it trusts the system's authorities.

    `cert_file` (and `key_file`, where the key is not in it) is the client's own certificate.
    Raises `ConfigError` that names the file which is missing or cannot be used.
    """
    if key_file is not None and cert_file is None:
        raise ConfigError(["tls.key_file: needs tls.cert_file"])
    for name, file in (("ca_file", ca_file), ("cert_file", cert_file), ("key_file", key_file)):
        if file is not None:
            _check_readable(f"tls.{name}", file)
    context = ssl.create_default_context()
    if ca_file is not None:
        # A private authority replaces the public ones: nobody else may vouch for this broker.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        try:
            context.load_verify_locations(ca_file)
        except ssl.SSLError as error:
            raise ConfigError([f"tls.ca_file {ca_file}: no PEM certificates: {error}"]) from None
    if cert_file is not None:
        try:
            context.load_cert_chain(cert_file, key_file, password=_no_password)
        except (ssl.SSLError, ValueError) as error:
            pair = f"tls.cert_file {cert_file} with key {key_file or cert_file}"
            expected = "expected PEM, the key without a password"
            raise ConfigError([f"{pair}: {expected}: {error}"]) from None
    return context


def tls_for(
    broker: BrokerAddress | Brokers,
    *,
    ca_file: Path | None = None,
    cert_file: Path | None = None,
    key_file: Path | None = None,
) -> ssl.SSLContext | None:
    """Return the TLS context for a broker, see `tls_context`; None for one without TLS."""
    if not broker.is_tls:
        return None
    return tls_context(ca_file=ca_file, cert_file=cert_file, key_file=key_file)


def _check_readable(key: str, file: Path) -> None:
    try:
        with file.open("rb"):
            pass
    except OSError as error:
        raise ConfigError([f"{key} {file}: {error.strerror}"]) from None


def _no_password() -> str:
    """Keep OpenSSL from asking on the terminal."""
    return ""
