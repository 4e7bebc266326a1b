"""Access rules of a private mosquitto, and their changes at run time.

Boxes come without a name. The monitor and the platform are users with a password each. So only the
monitor reads the broker's log, and a box can lose a topic that the platform publishes to. The files
lie in the run's directory, for their owner alone.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from fleet_wire.contract.broker_log import BROKER_LOG
from fleet_wire.links.link import BrokerAddress
from fleet_wire.private_files import FOR_OWNER, write_whole

MONITOR_USER, PLATFORM_USER = "monitor", "platform"
"""The users, by what they are."""
_ROUNDS = 101
"""Rounds of PBKDF2, as in mosquitto_passwd. The passwords are random, and nobody has to guess."""
_SALT_BYTES = 12

_CONFIG = """\
password_file {passwords}
acl_file {rules}
log_dest topic
connection_messages true
"""


class BrokerAccess:
    """The users and access rules of one private mosquitto, in files of `directory`."""

    def __init__(self, directory: Path) -> None:
        """Make passwords, and write both files. The directory is made where it is not there."""
        directory.mkdir(parents=True, exist_ok=True)
        self._passwords = {user: secrets.token_hex(16) for user in (MONITOR_USER, PLATFORM_USER)}
        self._password_file = directory / "passwords"
        self._rules_file = directory / "access_rules"
        _write(self._password_file, password_lines(self._passwords))
        self.deny(boxes=(), everybody=())

    def config(self) -> str:
        """Return the lines of mosquitto.conf."""
        passwords, rules = self._password_file.resolve(), self._rules_file.resolve()
        return _CONFIG.format(passwords=passwords, rules=rules)

    def address_of(self, user: str, broker: BrokerAddress) -> BrokerAddress:
        """Return the broker's address for one of the users."""
        return replace(broker, username=user, password=self._passwords[user])

    def deny(self, *, boxes: Iterable[str], everybody: Iterable[str]) -> None:
        """Write the rules that keep anonymous clients from some topics.

        `everybody` lists those of monitor and platform. A broker that runs takes the rules when it
        is told to reload.
        """
        _write(self._rules_file, rule_lines(boxes, everybody))


def rule_lines(denied: Iterable[str], closed: Iterable[str] = ()) -> str:
    """Return the access rules: those for anonymous clients come before the first user's.

    The users may use all topics but those that are `closed`: a denial wins, wherever it stands.
    """
    lines = ["topic readwrite #", *(f"topic deny {topic}" for topic in denied)]
    but = [f"topic deny {topic}" for topic in closed]
    lines += [f"user {MONITOR_USER}", "topic readwrite #", f"topic read {BROKER_LOG}", *but]
    lines += [f"user {PLATFORM_USER}", "topic readwrite #", *but]
    return "".join(f"{line}\n" for line in lines)


def password_lines(passwords: Mapping[str, str]) -> str:
    """Return the lines of a password file, as mosquitto_passwd writes them (type 7)."""
    return "".join(f"{user}:{_hashed(password)}\n" for user, password in passwords.items())


def _hashed(password: str) -> str:
    salt = secrets.token_bytes(_SALT_BYTES)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _ROUNDS)
    parts = [base64.b64encode(each).decode() for each in (salt, digest)]
    return "$".join(("", "7", str(_ROUNDS), *parts))


def _write(path: Path, text: str) -> None:
    write_whole(path, text.encode(), FOR_OWNER)
