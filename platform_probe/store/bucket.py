"""A bucket of S3, of a compatible service, or of Google: the one module that knows obstore."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from fleet_wire.errors import ConfigError
from fleet_wire.private_files import FOR_GROUP, write_whole
from platform_probe.store.limits import BucketSettings

if TYPE_CHECKING:
    from obstore.store import GCSStore, S3Store

BUCKET_FILE: Final = "s3.json"
"""The file in a store's directory that names the bucket of its older files.

No secret stands in it.
"""
GOOGLE: Final = "https://storage.googleapis.com"
"""The endpoint at which the machine's own Google account is used if there is no key: Workload
Identity, on GKE.
"""
_TIMEOUT: Final = "60s"
"""For one request: a file of 128 MiB at 2 MiB/s."""
_CONNECT_TIMEOUT: Final = "5s"
_TRIES: Final = 2
_CODE: Final = re.compile(r"<Code>(\w+)</Code>")


class BucketError(OSError):
    """The bucket did not do what it was asked for, and why."""


class Bucket:
    """Files in a bucket, by their names below the prefix."""

    def __init__(self, settings: BucketSettings) -> None:
        """Raise `ConfigError` without the package, or the file of the key."""
        try:
            from obstore.store import GCSStore, S3Store  # noqa: PLC0415 - not everybody has it
        except ModuleNotFoundError:
            raise ConfigError(
                ["store.s3 needs the package obstore: pip install 'unlockpath[s3]'"]
            ) from None
        self.settings = settings
        options: Any = {
            "prefix": settings.prefix or None,
            "client_options": {
                "allow_http": True,
                "timeout": _TIMEOUT,
                "connect_timeout": _CONNECT_TIMEOUT,
            },
            "retry_config": {"max_retries": _TRIES, "retry_timeout": timedelta(seconds=30)},
        }
        self._store: GCSStore | S3Store
        if settings.endpoint == GOOGLE and settings.key_file is None:
            self._store = GCSStore(settings.bucket, **options)
        else:
            self._store = S3Store(settings.bucket, config=_s3_config(settings), **options)

    def upload(self, name: str, path: Path) -> None:
        """Upload a file, and see that all of it is there. Raises `BucketError`, `OSError`."""
        content = path.read_bytes()
        with self._explained():
            self._store.put(name, content, use_multipart=False)
            there = self._store.head(name)["size"]
        if there != len(content):
            raise BucketError(f"{self._where}: {name} has {there} bytes, not {len(content)}")

    def get(self, name: str, path: Path) -> None:
        """Fetch a file. Raises `BucketError`, `OSError`."""
        with self._explained():
            content = self._store.get(name).bytes()
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        temporary.write_bytes(content)
        temporary.chmod(FOR_GROUP)
        temporary.replace(path)

    def remove(self, name: str) -> None:
        """Remove a file, if it is there. Raises `BucketError`."""
        with self._explained(), suppress(FileNotFoundError):
            self._store.delete(name)

    @property
    def _where(self) -> str:
        return f"bucket {self.settings.bucket} of {self.settings.endpoint or 'AWS'}"

    @contextmanager
    def _explained(self) -> Iterator[None]:
        from obstore.exceptions import BaseError  # noqa: PLC0415 - as above

        try:
            yield
        except (BaseError, FileNotFoundError) as error:
            said = str(error)
            code = _CODE.search(said)
            why = code[1] if code is not None else said.partition("\n")[0]
            raise BucketError(f"{self._where}: {why}") from None


def _s3_config(settings: BucketSettings) -> Any:
    """Return where a bucket of S3 is, and by which key. Raises `ConfigError`."""
    config: dict[str, Any] = {"region": settings.region}
    if settings.endpoint is not None:
        config |= {"endpoint": settings.endpoint, "virtual_hosted_style_request": False}
    if settings.key_file is not None:
        key, secret = _key_in(Path(settings.key_file))
        config |= {"access_key_id": key, "secret_access_key": secret}
    return config


def bucket_of(directory: Path) -> Bucket | None:
    """Return the bucket that has files of a store; None where there is none.

    Raises `ConfigError` for a file about it that cannot be read.
    """
    path = directory / BUCKET_FILE
    try:
        settings = msgspec.json.decode(path.read_bytes(), type=BucketSettings)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError) as error:
        raise ConfigError([f"{path}: cannot be read: {error}"]) from None
    return Bucket(settings)


def note_bucket(directory: Path, settings: BucketSettings | None) -> None:
    """Write down which bucket has files of a store; None: no more go there. Raises `OSError`.

    What is there already can be read on.
    """
    path = directory / BUCKET_FILE
    if settings is None:
        if not path.exists():
            return
        earlier = msgspec.json.decode(path.read_bytes(), type=BucketSettings)
        settings = msgspec.structs.replace(earlier, after_s=None)
    write_whole(path, msgspec.json.encode(settings) + b"\n", FOR_GROUP, is_synced=True)


def _key_in(path: Path) -> tuple[str, str]:
    try:
        lines = path.read_text("utf-8").split()
    except OSError as error:
        raise ConfigError([f"store.s3.key_file: {path}: {error.strerror}"]) from None
    if len(lines) != 2:  # noqa: PLR2004
        problem = "expected two lines, the id of the key and its secret"
        raise ConfigError([f"store.s3.key_file: {path}: {problem}"])
    return lines[0], lines[1]
