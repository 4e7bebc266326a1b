"""The error tree: each class says whose fault it is.

::

    UnlockpathError
    +-- ProtocolError
    |   +-- RemoteProtocolError    the other side sent what the wire contract does not allow
    |   +-- LocalProtocolError     our own code asked to send what the contract does not allow
    +-- BrokerError
    |   +-- BrokerUnreachableError nobody answers at the address, or the connection died
    |   +-- BrokerRefusedError     the broker answered, and said no (reason code kept)
    +-- ConfigError                the user's file, flag or variable (file, line, key kept)
    +-- LimitError                 the machine's limit (the limit and its cure kept)

A command that is not answered in time is no error: it is an attempt whose outcome is `unknown`.
"""

from __future__ import annotations

import copyreg
from typing import Any


class UnlockpathError(Exception):
    """The root of all errors that this project raises on purpose.

    One that was raised in another process is the same here, whatever its constructor wants.
    """

    def __reduce__(self) -> tuple[Any, ...]:
        return copyreg.__newobj__, (type(self), *self.args), self.__dict__  # type: ignore[attr-defined]


class ProtocolError(UnlockpathError):
    """A message breaks the wire contract."""


class RemoteProtocolError(ProtocolError):
    """The other side sent something malformed. Count it, log it, go on."""

    def __init__(self, reason: str, *, topic: str | None = None) -> None:
        self.reason = reason
        self.topic = topic
        super().__init__(f"{reason} (topic {topic!r})" if topic else reason)


class LocalProtocolError(ProtocolError):
    """Our own side tried to send something that the contract does not allow: a defect here."""


class BrokerError(UnlockpathError):
    """The broker could not be used."""


class BrokerUnreachableError(BrokerError):
    """No connection to the broker, or it was lost."""


class BrokerRefusedError(BrokerError):
    """The broker answered with a reason code of 128 or more.

    `code` is the MQTT 5 reason code (section 2.4 of the specification).
    """

    def __init__(self, code: int, reason: str) -> None:
        self.code = code
        super().__init__(f"{reason} (MQTT reason code {code})")


class ConfigError(UnlockpathError):
    """Something the user wrote cannot be used: says where, and what was expected.

    `problems` holds one line each, already with file, line and key where they are known.
    """

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))


class LimitError(UnlockpathError):
    """A limit of the machine is too low. `cure` is the command that raises it."""

    def __init__(self, limit: str, cure: str) -> None:
        self.limit = limit
        self.cure = cure
        super().__init__(f"{limit}\n  cure: {cure}")
