"""What `/readyz` answers of whoever works with brokers."""

from __future__ import annotations

import msgspec

from fleet_wire.contract.problems import CONTENT_TYPE as PROBLEM_JSON
from fleet_wire.web.exchange import HttpResponse


def readiness(not_ready: str | None, without: str) -> HttpResponse:
    """Return what `/readyz` answers: 200 while one broker is there, and what it is `without`.

    Who serves a part of the cars is ready: to take it out of service would lose the others too.
    """
    if not_ready is None:
        but = f", but without {without}: cars there are not reached" if without else ""
        return HttpResponse(200, f"ready{but}\n".encode())
    problem = {"type": "about:blank", "title": "Not ready", "status": 503, "detail": not_ready}
    return HttpResponse(503, msgspec.json.encode(problem), PROBLEM_JSON)
