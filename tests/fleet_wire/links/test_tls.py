"""TLS files."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import trustme

from fleet_wire.errors import ConfigError
from fleet_wire.links.tls import tls_context


def _written(path: Path, blob: trustme.Blob) -> Path:
    blob.write_to_path(path)
    return path


def test_tls_context_of_a_private_authority(tmp_path: Path) -> None:
    """A private authority is the only one trusted; peers and names are checked."""
    ca = trustme.CA()
    certificate = ca.issue_cert("client")
    context = tls_context(
        ca_file=_written(tmp_path / "ca.pem", ca.cert_pem),
        cert_file=_written(tmp_path / "client.pem", certificate.cert_chain_pems[0]),
        key_file=_written(tmp_path / "client.key", certificate.private_key_pem),
    )
    assert len(context.get_ca_certs()) == 1
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


def test_tls_files_that_cannot_be_used(tmp_path: Path) -> None:
    """The error names the file and what was expected."""
    missing, junk = tmp_path / "missing.pem", tmp_path / "junk.pem"
    junk.write_text("no certificate")
    with pytest.raises(ConfigError, match=r"tls\.ca_file .*missing.pem: No such file"):
        tls_context(ca_file=missing)
    with pytest.raises(ConfigError, match=r"tls\.ca_file .*junk.pem: no PEM certificates"):
        tls_context(ca_file=junk)
    with pytest.raises(ConfigError, match=r"tls\.cert_file .*junk.pem .*expected PEM"):
        tls_context(cert_file=junk)
    with pytest.raises(ConfigError, match=r"tls\.key_file: needs tls\.cert_file"):
        tls_context(key_file=junk)
