"""A local socket on which running boxes take drills; only their own user may use it.

One line of JSON goes each way: a `DrillRequest`, and a `DrillReply`.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import msgspec

from fleet_sim.runs.live.drills import DrillReply, DrillRequest
from fleet_wire.errors import ConfigError, UnlockpathError

MOST_BYTES = 65_536
"""Longest line, in bytes."""
PATIENCE_S = 10.0
"""For the other side."""
_OWNER_ONLY = 0o177
"""The umask that leaves reading and writing to the owner."""
_log = logging.getLogger(__name__)

Answer = Callable[[DrillRequest], DrillReply]


@asynccontextmanager
async def served(path: Path, answer: Answer) -> AsyncIterator[None]:
    """Answer requests on the socket `path` as long as the block lasts.

    Raises `ConfigError` where there can be no such socket, or another process listens on it.
    """
    _clear(path)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, TimeoutError, ValueError):
            async with asyncio.timeout(PATIENCE_S):
                reply = _answer_line(await reader.readline(), answer)
                writer.write(msgspec.json.encode(reply) + b"\n")
                await writer.drain()
        writer.close()

    umask = os.umask(_OWNER_ONLY)
    try:
        server = await asyncio.start_unix_server(serve, path, limit=MOST_BYTES)
    except (OSError, ValueError) as error:
        raise _unusable(path, error) from None
    finally:
        os.umask(umask)
    try:
        yield
    finally:
        server.close()
        _remove(path)


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink(missing_ok=True)


def _answer_line(line: bytes, answer: Answer) -> DrillReply:
    try:
        request = msgspec.json.decode(line, type=DrillRequest)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        return DrillReply(problems=(f"not a request: {error}; is this another version?",))
    try:
        return answer(request)
    except Exception:  # noqa: BLE001 - no request may end the boxes
        _log.exception("a drill could not begin")
        return DrillReply(problems=("the boxes could not begin it; their log says why",))


def _clear(path: Path) -> None:
    """Remove the socket of a process that is gone, and nothing else."""
    try:
        if not stat.S_ISSOCK(path.stat().st_mode):
            raise ConfigError([f"--control {path}: is there already, and is no socket"])
        with socket.socket(socket.AF_UNIX) as there:
            there.connect(os.fspath(path))
    except FileNotFoundError:
        return
    except ConnectionRefusedError:
        path.unlink()
    except (OSError, ValueError) as error:
        raise _unusable(path, error) from None
    else:
        raise ConfigError([f"--control {path}: another process serves it; choose another path"])


def _unusable(path: Path, error: Exception) -> ConfigError:
    reason = error.strerror if isinstance(error, OSError) else None
    return ConfigError([f"--control {path}: {reason or error}"])


def ask(path: Path, request: DrillRequest) -> DrillReply:
    """Return the answer of the boxes that listen on `path`.

    Raises `ConfigError` where none do, and `UnlockpathError` where they do not answer.
    """
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(PATIENCE_S)
            connection.connect(os.fspath(path))
            connection.sendall(msgspec.json.encode(request) + b"\n")
            with connection.makefile("rb") as replies:
                line = replies.readline(MOST_BYTES)
        return msgspec.json.decode(line, type=DrillReply)
    except FileNotFoundError:
        start = f"start `fleet-sim run` or `fleet-sim boxes` with --control {path}"
        raise ConfigError([f"--control {path}: no such socket; {start}"]) from None
    except ConnectionRefusedError:
        raise ConfigError([f"--control {path}: the boxes that listened there are gone"]) from None
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise UnlockpathError(f"--control {path}: no answer that we know") from None
    except TimeoutError:
        raise UnlockpathError(f"--control {path}: no answer in {PATIENCE_S:g} s") from None
    except (OSError, ValueError) as error:
        raise _unusable(path, error) from None
