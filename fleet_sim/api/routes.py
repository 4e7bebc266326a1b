"""Which operation a method and a path mean."""

from __future__ import annotations

from typing import Final, NamedTuple

import msgspec

from fleet_sim.api.bodies import LaterEnd, NewBooking, UsedBooking
from fleet_sim.platform.operations import ENDPOINTS, METHODS, Operation
from fleet_wire.contract.problems import METHOD_NOT_ALLOWED, ROUTE_UNKNOWN, ProblemType

MAX_ID: Final = 128
"""Longest id, as for names on the wire, see `fleet_wire.contract.messages.Name`."""
_FIELD_PLACE: Final = 2
"""The index, from 0, of the path segment that may be a field."""


BodyDecoder = msgspec.json.Decoder[LaterEnd | NewBooking | UsedBooking]


class Route(NamedTuple):
    """The operation of one method at one path."""

    operation: Operation
    template: str
    field: str | None
    """The field of `Request` whose value is in the path."""
    body: BodyDecoder | None


class NoRoute(NamedTuple):
    """There is nothing, or it is not asked for by this method."""

    problem: ProblemType
    allowed: tuple[str, ...]
    """The methods that there are."""
    template: str | None


BODIES: Final[dict[Operation, type[LaterEnd | NewBooking | UsedBooking]]] = {
    Operation.BOOK: NewBooking,
    Operation.EXTEND: LaterEnd,
    Operation.UNLOCK: UsedBooking,
    Operation.LOCK: UsedBooking,
}


def match(method: str, path: str) -> tuple[Route, str] | NoRoute:
    """Return the route and the value of its field, "" without one; or why there is none."""
    parts = path.split("/")
    value = ""
    if len(parts) > _FIELD_PLACE:
        value, parts[_FIELD_PLACE] = parts[_FIELD_PLACE], ""
    by_method = _ROUTES.get("/".join(parts))
    if by_method is None or len(value) > MAX_ID or (len(parts) > _FIELD_PLACE and not value):
        return NoRoute(ROUTE_UNKNOWN, (), None)
    route = by_method.get(method)
    if route is None:
        template = next(iter(by_method.values())).template
        return NoRoute(METHOD_NOT_ALLOWED, tuple(sorted(by_method)), template)
    return route, value


def _routes() -> dict[str, dict[str, Route]]:
    """Return the routes by their path with an empty field, and by method."""
    routes: dict[str, dict[str, Route]] = {}
    for operation, template in ENDPOINTS.items():
        parts = template.split("/")
        field = None
        if len(parts) > _FIELD_PLACE:
            field, parts[_FIELD_PLACE] = parts[_FIELD_PLACE].strip("{}"), ""
        body = BODIES.get(operation)
        route = Route(
            operation,
            template,
            field,
            None if body is None else msgspec.json.Decoder(body),
        )
        routes.setdefault("/".join(parts), {})[METHODS[operation]] = route
    return routes


_ROUTES: Final = _routes()
