"""Certificates that no box accepts, shown by listeners of a private mosquitto.

Boxes reach a private mosquitto without TLS. A box that rejects the broker's certificate makes a
handshake here instead, which fails as a real one does. The broker's log then has OpenSSL's words
for most of them (mosquitto 2.0 omits some).
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from fleet_sim.broker.process import HOST, free_port
from fleet_wire.private_files import FOR_OWNER, write_whole

MAX_AT_A_TIME: Final = 8
"""A handshake takes both sides about a millisecond each."""
MAX_WAITING: Final = 1_000
"""Most handshakes that wait; more are not made, and the log has fewer lines."""
MAX_READ_BYTES: Final = 16_384
TIMEOUT_S: Final = 5.0
_YEARS: Final = {True: (2019, 2020), False: (2090, 2091)}
"""Whether it has expired, else it is not valid yet: from which year to which."""


class _BadCertificate(NamedTuple):
    """One of the certificates, and where it is shown."""

    certificate: Path
    key: Path
    port: int


class BadCertificates:
    """One that has expired and one that is not valid yet, each with a listener.

    Made before the broker is started, which gets `config()`.
    """

    def __init__(self, directory: Path) -> None:
        """Make keys and certificates in `directory`, and choose two free ports."""
        directory.mkdir(parents=True, exist_ok=True)
        self._shown = {is_expired: _make(directory, is_expired) for is_expired in _YEARS}
        self._refusals: set[asyncio.Task[None]] = set()
        self._turn = asyncio.Semaphore(MAX_AT_A_TIME)
        self._trust = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._trust.check_hostname = False
        for shown in self._shown.values():
            self._trust.load_verify_locations(shown.certificate)

    def config(self) -> str:
        """Return the lines of mosquitto.conf, to stand behind those of its first listener."""
        return "".join(
            f"listener {shown.port} {HOST}\n"
            f"certfile {shown.certificate.resolve()}\nkeyfile {shown.key.resolve()}\n"
            for shown in self._shown.values()
        )

    def refuse(self, is_expired: bool) -> None:  # noqa: FBT001 - the form of World's hook
        """Make one handshake that fails on a bad certificate, soon."""
        if len(self._refusals) < MAX_WAITING:
            task = asyncio.ensure_future(self._refuse(self._shown[is_expired].port))
            self._refusals.add(task)
            task.add_done_callback(self._refusals.discard)

    async def _refuse(self, port: int) -> None:
        async with self._turn:
            with contextlib.suppress(OSError):  # the broker is away
                async with asyncio.timeout(TIMEOUT_S):
                    await self._shake_hands(port)

    async def _shake_hands(self, port: int) -> None:
        """Send the alert, and stay until the broker has hung up: else a reset overtakes it."""
        reader, writer = await asyncio.open_connection(HOST, port)
        heard, said = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = self._trust.wrap_bio(heard, said)
        try:
            while not reader.at_eof():
                try:
                    tls.do_handshake()
                except ssl.SSLWantReadError:
                    writer.write(said.read())
                    heard.write(await reader.read(MAX_READ_BYTES))
                except ssl.SSLError:
                    writer.write(said.read())
                    await reader.read()
        finally:
            writer.close()


def _make(directory: Path, is_expired: bool) -> _BadCertificate:  # noqa: FBT001 - the key of _YEARS
    name = "expired" if is_expired else "not_yet_valid"
    begins, ends = _YEARS[is_expired]
    key = ec.generate_private_key(ec.SECP256R1())
    owner = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    certificate = (
        x509.CertificateBuilder(owner, owner, key.public_key(), x509.random_serial_number())
        .not_valid_before(datetime(begins, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(ends, 1, 1, tzinfo=UTC))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    shown = _BadCertificate(directory / f"{name}.crt", directory / f"{name}.key", free_port())
    shown.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    content = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    write_whole(shown.key, content, FOR_OWNER)
    return shown
