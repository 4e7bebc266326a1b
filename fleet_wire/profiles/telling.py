"""Tells the messages of one topic apart by what they say: `when: { /type: ack }`.

`*` stands for any value, a document or a list too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Generic, TypeVar

from fleet_wire.contract.codec import MAX_PAYLOAD_BYTES
from fleet_wire.profiles.encodings import UNDECODABLE, encoding_of
from fleet_wire.profiles.form import MessageForm, Scalar
from fleet_wire.profiles.pointers import tokens_of, walking

RouteT = TypeVar("RouteT")
ANYTHING: Final = "*"


def wanted_values(form: MessageForm) -> Mapping[str, tuple[Scalar, ...]]:
    """Return by pointer the values of which a message of this form says one."""
    return {
        pointer: values if isinstance(values, tuple) else (values,)
        for pointer, values in form.when.items()
    }


def are_exclusive(one: MessageForm, other: MessageForm) -> bool:
    """Return whether no message can be of both forms."""
    ours, theirs = wanted_values(one).items(), wanted_values(other).items()
    return any(
        _exclude(*mine, *their) or _exclude(*their, *mine) for mine in ours for their in theirs
    )


def _exclude(pointer: str, values: Sequence[Scalar], other: str, others: Sequence[Scalar]) -> bool:
    """Return whether one condition excludes another at the same place or above it."""
    if pointer == other:
        both = [value for value in values if fits(value, others)]
        return not both and not any(fits(value, values) for value in others)
    # A value below `other` makes `other` a document, and no plain value.
    return pointer.startswith(f"{other}/") and None not in values and ANYTHING not in others


def fits(value: Any, values: Iterable[Scalar]) -> bool:
    """Return whether a value of JSON is one of these; text is no number, and true is not 1."""
    if value is not None and ANYTHING in values:
        return True
    is_plain = value is None or isinstance(value, str | int | float | bool)
    return is_plain and _exact(value) in {_exact(each) for each in values}


def _exact(value: Scalar) -> tuple[bool, Scalar]:
    return isinstance(value, bool), value


class Chooser(Generic[RouteT]):
    """Chooses, of the forms that share a topic, those that a message is of."""

    def __init__(self, routes: Sequence[tuple[MessageForm, RouteT]]) -> None:
        pointers = list(dict.fromkeys(one for form, _ in routes for one in wanted_values(form)))
        decode = encoding_of(routes[0][0]).decode
        self._walk = walking([tokens_of(pointer) for pointer in pointers], decode)
        self._has_conditions = bool(pointers)
        self.first = routes[0][1]
        """The route for a payload that has no field to decide by: an empty, long or broken one."""
        self._routes = [
            ([(pointers.index(one), values) for one, values in wanted_values(form).items()], route)
            for form, route in routes
        ]

    def choose(self, payload: bytes) -> list[RouteT]:
        """Return the routes of a message; none where it is of no form."""
        if len(payload) > MAX_PAYLOAD_BYTES:
            return [self.first]
        try:
            said = self._walk(payload) if self._has_conditions else ()
        except UNDECODABLE:
            return [self.first]
        return [
            route
            for conditions, route in self._routes
            if all(fits(said[at], values) for at, values in conditions)
        ]
