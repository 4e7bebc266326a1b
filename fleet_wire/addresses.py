"""Hosts and ports that a user names, checked before anything resolves or opens them."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Final

from fleet_wire.error_text import shortened, text_problem
from fleet_wire.errors import ConfigError

MAX_PORT: Final = 65_535
_MAX_PORT_DIGITS: Final = len(str(MAX_PORT))


def host_problem(host: str) -> str | None:
    """Return why no host can have this name; None when one can."""
    if problem := text_problem(host):
        return f"the host {problem}"
    try:
        host.encode("idna")
    except UnicodeError:
        return f"'{shortened(host)}' is no host: between its dots a name has 1 to 63 letters"
    return None


def parse_listen(text: str) -> tuple[str, int]:
    """Return the host and the port (0: any free one) of `HOST:PORT`. Raises `ConfigError`."""
    host, _, port = text.rpartition(":")
    is_port = port.isdecimal() and len(port) <= _MAX_PORT_DIGITS and int(port) <= MAX_PORT
    if not host or not is_port:
        expected = "expected HOST:PORT, for example 127.0.0.1:9464"
        raise ConfigError([f"{expected}, not '{shortened(text)}'"])
    host = host.strip("[]")
    if problem := host_problem(host):
        raise ConfigError([problem])
    return host, int(port)


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches a host."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def host_of(header: str) -> str:
    """Return the name in a header `Host`, without its port."""
    name = header.rpartition(":")[0] if re.search(r":\d+$", header) else header
    return name.strip("[]")


def valid_listen(text: str) -> str:
    """Return `HOST:PORT` as it is, for a setting. Raises `ValueError` where it is none."""
    try:
        parse_listen(text)
    except ConfigError as error:
        raise ValueError(str(error)) from None
    return text
