"""Older files go to a bucket of Google, as the account that the machine has there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from platform_probe.store import bucket as bucket_module
from platform_probe.store.bucket import Bucket, BucketError
from platform_probe.store.limits import BucketSettings
from tests.helpers.http_thread import QuietHandler, served_by

TOKEN = "of-the-machine"  # noqa: S105 - of nobody
SETTINGS = BucketSettings(bucket="kept", endpoint=bucket_module.GOOGLE, prefix="monitor-1")


class Google:
    """The metadata server of a node, and a bucket: what an object store asks of both."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.strangers = 0


def handler_of(google: Google) -> type[QuietHandler]:
    """Return what answers for Google."""

    class Handler(QuietHandler):
        def do_GET(self) -> None:  # noqa: N802 - http.server calls it so
            path = unquote(urlsplit(self.path).path)
            if path.startswith("/computeMetadata/"):
                body = f'{{"access_token":"{TOKEN}","expires_in":3600}}'.encode()
                self.answer(200, body if path.endswith("/token") else b"me@project")
            else:
                content = google.files.get(path)
                self.answer(404 if content is None else 200, content or b"")

        do_HEAD = do_GET  # noqa: N815

        def do_PUT(self) -> None:  # noqa: N802 - http.server calls it so
            body = self.body()
            if self.headers["Authorization"] != f"Bearer {TOKEN}":
                google.strangers += 1
                self.answer(403, b"<Error><Code>AccessDenied</Code></Error>")
                return
            google.files[unquote(urlsplit(self.path).path)] = body
            self.answer(200, b"")

        def do_DELETE(self) -> None:  # noqa: N802 - http.server calls it so
            google.files.pop(unquote(urlsplit(self.path).path), None)
            self.answer(204, b"")

        def answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("ETag", '"1"')
            self.send_header("Last-Modified", "Mon, 30 Nov 2026 12:00:00 GMT")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

    return Handler


@pytest.fixture
def google(monkeypatch: pytest.MonkeyPatch) -> Iterator[Google]:
    """Let the object store take this machine for one of Google's."""
    google = Google()
    for name in ("GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_SERVICE_ACCOUNT", "HOME"):
        monkeypatch.delenv(name, raising=False)
    with served_by(handler_of(google)) as url:
        monkeypatch.setenv("GOOGLE_BASE_URL", url)
        for name in ("GCE_METADATA_HOST", "GCE_METADATA_IP", "METADATA_HOST", "METADATA_IP"):
            monkeypatch.setenv(name, urlsplit(url).netloc)
        yield google


def test_files_go_and_come_as_the_machines_account(google: Google, tmp_path: Path) -> None:
    """Without a key in the settings: the metadata server says who the machine is."""
    (tmp_path / "part").write_bytes(b"unlocks")
    bucket = Bucket(SETTINGS)
    bucket.upload("attempts/1.parquet", tmp_path / "part")
    assert google.files == {"/kept/monitor-1/attempts/1.parquet": b"unlocks"}
    bucket.get("attempts/1.parquet", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b"unlocks"
    bucket.remove("attempts/1.parquet")
    assert google.files == {}
    with pytest.raises(BucketError, match="bucket kept of https://storage"):
        bucket.get("attempts/1.parquet", tmp_path / "copy")
    assert google.strangers == 0
