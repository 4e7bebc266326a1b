"""Options of a command that it gets as one object."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce, wraps
from inspect import signature
from typing import Any, TypeVar

OptionsT = TypeVar("OptionsT")


def joined(
    name: str, make: Callable[..., Any], *options: Callable[[Callable[..., None]], Any]
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return a decorator that adds options to a command, which gets what `make` returns for them.

    The command gets it as `name`. The parameters of `make` are those of the options.
    """
    parts = signature(make).parameters

    def decorated(command: Callable[..., None]) -> Callable[..., None]:
        @wraps(command)
        def with_whole(**given: Any) -> None:
            whole = make(**{part: given.pop(part) for part in parts})
            command(**given, **{name: whole})

        return reduce(lambda added, option: option(added), reversed(options), with_whole)

    return decorated


def gathered(
    kind: Callable[..., OptionsT],
) -> Callable[[Callable[[OptionsT], None]], Callable[..., None]]:
    """Return a decorator that gives a command all its options as one object of this kind."""

    def decorated(command: Callable[[OptionsT], None]) -> Callable[..., None]:
        @wraps(command)
        def with_options(**options: Any) -> None:
            command(kind(**options))

        return with_options

    return decorated
