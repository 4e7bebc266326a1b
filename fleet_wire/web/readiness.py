"""The answer to `/readyz` for services that need brokers."""

from __future__ import annotations

import msgspec

from fleet_wire.contract.problems import CONTENT_TYPE as PROBLEM_JSON
from fleet_wire.web.exchange import HttpResponse


def readiness(not_ready: str | None, without: str) -> HttpResponse:
    """Return what `/readyz` answers: 200 while one broker is there, and what it is `without`.

    A service without some brokers is still ready: to remove it would lose the other cars too.
    """
    if not_ready is None:
        but = f", but without {without}: cars there are not reached" if without else ""
        return HttpResponse(200, f"ready{but}\n".encode())
    problem = {"type": "about:blank", "title": "Not ready", "status": 503, "detail": not_ready}
    return HttpResponse(503, msgspec.json.encode(problem), PROBLEM_JSON)
