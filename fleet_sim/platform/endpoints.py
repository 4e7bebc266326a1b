"""Where each operation is found over HTTP. The platform's log names the same templates."""

from __future__ import annotations

from typing import Final, NamedTuple

from fleet_sim.platform.operations import Operation


class Endpoint(NamedTuple):
    """Method and path of an operation; `{...}` in the path is a field of the request."""

    method: str
    template: str
    """As OpenTelemetry's `http.route`."""

    def path(self, **fields: str) -> str:
        """Return the path with its fields filled in."""
        return self.template.format_map(fields)


ENDPOINTS: Final = {
    Operation.BOOK: Endpoint("POST", "/v1/bookings"),
    Operation.EXTEND: Endpoint("PATCH", "/v1/bookings/{booking_id}"),
    Operation.END: Endpoint("POST", "/v1/bookings/{booking_id}/end"),
    Operation.UNLOCK: Endpoint("POST", "/v1/vehicles/{vehicle_id}/unlock"),
    Operation.LOCK: Endpoint("POST", "/v1/vehicles/{vehicle_id}/lock"),
    Operation.VEHICLE_STATE: Endpoint("GET", "/v1/vehicles/{vehicle_id}"),
    Operation.COMMAND_STATUS: Endpoint("GET", "/v1/commands/{command_id}"),
}
