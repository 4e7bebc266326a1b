"""A real S3 server on a free port: Ceph's object gateway, over a database of its own."""

from __future__ import annotations

import hashlib
import hmac
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from fleet_sim.broker.process import free_port
from tests.helpers.waiting import wait_for

KEY: Final = "TESTKEY"
SECRET: Final = "not-a-secret"  # noqa: S105 - of a server that lives for some seconds
REGION: Final = "us-east-1"
TIMEOUT_S: Final = 10.0
HANGS_S: Final = 60.0
_NOTHING: Final = hashlib.sha256(b"").hexdigest()
_SETTINGS: Final = """
[global]
rgw backend store = dbstore
rgw config store = dbstore
dbstore db dir = {directory}
dbstore config uri = file:{directory}/config.db
rgw frontends = beast endpoint=127.0.0.1:{port}
rgw thread pool size = 8
admin socket =
run dir = {directory}
log file =
"""


class S3Server:
    """The process, and where it is."""

    def __init__(self, port: int) -> None:
        self.host = f"127.0.0.1:{port}"
        self.endpoint = f"http://{self.host}"

    def is_ready(self) -> bool:
        """Return whether it answers."""
        try:
            with urllib.request.urlopen(self.endpoint, timeout=TIMEOUT_S):  # noqa: S310
                return True
        except (urllib.error.URLError, ConnectionError):
            return False

    def make_bucket(self, name: str) -> None:
        """Make a bucket: a request with the signature of AWS, version 4."""
        at = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        headers = {"host": self.host, "x-amz-content-sha256": _NOTHING, "x-amz-date": at}
        names = ";".join(headers)
        lines = "".join(f"{key}:{value}\n" for key, value in headers.items())
        asked = f"PUT\n/{name}\n\n{lines}\n{names}\n{_NOTHING}"
        scope = f"{at[:8]}/{REGION}/s3/aws4_request"
        hashed = hashlib.sha256(asked.encode()).hexdigest()
        key = f"AWS4{SECRET}".encode()
        for part in (*scope.split("/"), f"AWS4-HMAC-SHA256\n{at}\n{scope}\n{hashed}"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        headers["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={KEY}/{scope},SignedHeaders={names},Signature={key.hex()}"
        )
        request = urllib.request.Request(  # noqa: S310 - http
            f"{self.endpoint}/{name}", method="PUT", headers=headers
        )
        urllib.request.urlopen(request, timeout=TIMEOUT_S).close()  # noqa: S310


@contextmanager
def running_s3_server(directory: Path) -> Iterator[S3Server]:
    """Run one until the block ends, with its data below `directory`; it knows one key."""
    server = S3Server(port := free_port())
    settings = directory / "ceph.conf"
    settings.write_text(_SETTINGS.format(directory=directory, port=port))
    common = ("-c", str(settings), "-n", "client.admin", "--no-mon-config")
    user = ("user", "create", "--uid=keeper", "--display-name=keeper")
    keys = (f"--access-key={KEY}", f"--secret-key={SECRET}")
    with (directory / "radosgw.log").open("wb") as log:
        with suppress(subprocess.TimeoutExpired):  # it makes the user, and may hang when it ends
            subprocess.run(
                ["radosgw-admin", *common, *user, *keys, "--rgw-backend-store=dbstore"],
                check=True, stdout=log, stderr=log, timeout=HANGS_S,
            )  # fmt: skip
        with subprocess.Popen(["radosgw", *common, "-f"], stdout=log, stderr=log) as process:
            try:
                wait_for(server.is_ready)
                yield server
            finally:
                process.kill()
