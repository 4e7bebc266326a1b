"""Tells the messages of one topic apart by what they say: `when: { /type: ack }`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Generic, TypeVar

from fleet_wire.contract.codec import MAX_PAYLOAD_BYTES
from fleet_wire.profiles.encodings import UNDECODABLE, encoding_of
from fleet_wire.profiles.form import MessageForm, Scalar
from fleet_wire.profiles.pointers import tokens_of, walking

RouteT = TypeVar("RouteT")


def wanted_values(form: MessageForm) -> Mapping[str, tuple[Scalar, ...]]:
    """Return by pointer the values of which a message of this form says one."""
    return {
        pointer: values if isinstance(values, tuple) else (values,)
        for pointer, values in form.when.items()
    }


def are_exclusive(one: MessageForm, other: MessageForm) -> bool:
    """Return whether no message can be of both forms."""
    theirs = wanted_values(other)
    return any(
        not {_exact(value) for value in values} & {_exact(value) for value in theirs[pointer]}
        for pointer, values in wanted_values(one).items()
        if pointer in theirs
    )


def fits(value: Any, values: Iterable[Scalar]) -> bool:
    """Return whether a value of JSON is one of these; text is no number, and true is not 1."""
    is_plain = value is None or isinstance(value, str | int | float | bool)
    return is_plain and _exact(value) in {_exact(each) for each in values}


def _exact(value: Scalar) -> tuple[bool, Scalar]:
    return isinstance(value, bool), value


class Chooser(Generic[RouteT]):
    """Chooses, of the forms that share a topic, the one that a message is of."""

    def __init__(self, routes: Sequence[tuple[MessageForm, RouteT]]) -> None:
        pointers = list(dict.fromkeys(one for form, _ in routes for one in wanted_values(form)))
        decode = encoding_of(routes[0][0]).decode
        self._walk = walking([tokens_of(pointer) for pointer in pointers], decode)
        self.first = routes[0][1]
        """The route for a payload that has no field to decide by: an empty, long or broken one."""
        self._routes = [
            ([(pointers.index(one), values) for one, values in wanted_values(form).items()], route)
            for form, route in routes
        ]

    def choose(self, payload: bytes) -> RouteT | None:
        """Return the route of a message; None where it is of no form."""
        if len(payload) > MAX_PAYLOAD_BYTES:
            return self.first
        try:
            said = self._walk(payload)
        except UNDECODABLE:
            return self.first
        for conditions, route in self._routes:
            if all(fits(said[at], values) for at, values in conditions):
                return route
        return None
