"""Posts what a person asks of a monitor to its API, with the token that its settings name."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from fleet_wire.config.secrets import read_secret
from fleet_wire.web.client import NoAnswerError, post_once
from fleet_wire.web.exchange import JSON, HttpResponse
from fleet_wire.web.server import at_url
from platform_probe.settings.monitor import ProbeSettings
from platform_probe.texts.spoken_error import spoken_error

TIMEOUT_S: Final = 10.0
_OK: Final = 200
_NOT_FOUND: Final = 404
_ANYWHERE: Final = ("0.0.0.0", "::")  # noqa: S104 - what a monitor listens on, as the settings say


class MonitorAddress(NamedTuple):
    """The URL of a monitor that takes posts, and the file of the token for it."""

    url: str
    token_file: str
    """A path: JSON carries it to the console's process."""


def monitor_of(
    settings: ProbeSettings,
    *,
    url: str | None = None,
    token_file: Path | None = None,
    port: int | None = None,
) -> MonitorAddress | None:
    """Return the address of the monitor with these settings; None where no token is named.

    `url`, `token_file` and `port` go before what the settings say.
    """
    if token_file is None and settings.messages is not None:
        token_file = settings.messages.actions_token_file
    if token_file is None:
        return None
    host = "127.0.0.1" if settings.listen_host in _ANYWHERE else settings.listen_host
    its_url = url or at_url(host, port or settings.listen_port)
    return MonitorAddress(its_url, str(token_file.absolute()))


async def post(monitor: MonitorAddress, path: str, asked: Any) -> bytes:
    """Post something as JSON, and return the answer. Raises `ConfigError` where nobody takes it."""
    token = read_secret(Path(monitor.token_file), name="token file").strip()
    headers = {"Authorization": f"Bearer {token}", "Content-Type": JSON}
    try:
        url = f"{monitor.url.rstrip('/')}{path}"
        body = msgspec.json.encode(asked)
        answer = await post_once(url, body, timeout_s=TIMEOUT_S, headers=headers)
    except NoAnswerError as error:
        raise spoken_error("asked.no_monitor", url=monitor.url, error=str(error)) from None
    if answer.status == _NOT_FOUND:
        raise spoken_error("asked.accepts_none", url=monitor.url)
    if answer.status != _OK:
        raise spoken_error("asked.refused", url=monitor.url, detail=_detail(answer))
    return answer.body


def _detail(answer: HttpResponse) -> str:
    try:
        return str(msgspec.json.decode(answer.body)["detail"])
    except (msgspec.MsgspecError, TypeError, KeyError):
        return f"HTTP {answer.status}"
