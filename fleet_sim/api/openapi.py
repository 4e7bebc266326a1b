"""The API's description as OpenAPI 3.1, made of the same structs that read and write its bodies."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any, Final

import msgspec

from fleet_sim.api import bodies
from fleet_sim.api.reading import APP_VERSION, IDEMPOTENCY_KEY, MAX_WAIT_S, PREFER
from fleet_sim.api.routes import BODIES, MAX_ID
from fleet_sim.platform.operations import CHANGES, COMMANDS, ENDPOINTS, METHODS, Operation
from fleet_wire.contract.problems import CONTENT_TYPE as PROBLEM_JSON
from fleet_wire.contract.problems import PROBLEMS, UNAUTHENTICATED, UNREAD, ProblemType
from fleet_wire.contract.trace_context import TRACEPARENT
from fleet_wire.web.exchange import JSON

OPENAPI_VERSION: Final = "3.1.0"
_REF: Final = "#/components/schemas/{name}"
_ANSWERS: Final[dict[Operation, tuple[type[msgspec.Struct], dict[int, str]]]] = {
    Operation.BOOK: (bodies.BookingAnswer, {201: "The booking; Location leads to it."}),
    Operation.EXTEND: (bodies.BookingAnswer, {200: "The booking with its new end."}),
    Operation.END: (bodies.BookingAnswer, {200: "The booking, ended."}),
    Operation.UNLOCK: (
        bodies.CommandAnswer,
        {
            200: "The car has done it: the command's state is `executed`.",
            202: "The command is under way, and `is_final` is false. Location leads to its status.",
        },
    ),
    Operation.VEHICLE_STATE: (bodies.VehicleAnswer, {200: "What was heard of the car."}),
    Operation.COMMAND_STATUS: (bodies.CommandAnswer, {200: "How far the command has come."}),
}
_LINKS: Final[dict[Operation, tuple[Operation, ...]]] = {
    Operation.BOOK: (
        Operation.EXTEND, Operation.END, Operation.UNLOCK, Operation.LOCK, Operation.VEHICLE_STATE,
    ),
    Operation.UNLOCK: (Operation.COMMAND_STATUS,),
    Operation.LOCK: (Operation.COMMAND_STATUS,),
}  # fmt: skip
"""What can be asked with what was answered."""
_SUMMARIES: Final = {
    Operation.BOOK: "Book a car",
    Operation.EXTEND: "Let a booking end later",
    Operation.END: "End a booking: its car is free",
    Operation.UNLOCK: "Unlock a car",
    Operation.LOCK: "Lock a car",
    Operation.VEHICLE_STATE: "See what is known of a car",
    Operation.COMMAND_STATUS: "See how far a command has come",
}


def document() -> dict[str, Any]:
    """Return the document."""
    structs = [*BODIES.values(), *(answer for answer, _ in _ANSWERS.values()), bodies.Problem]
    _, schemas = msgspec.json.schema_components(dict.fromkeys(structs), ref_template=_REF)
    paths: dict[str, dict[str, Any]] = {}
    for operation, template in ENDPOINTS.items():
        paths.setdefault(template, {})[METHODS[operation].lower()] = _operation(operation)
    return {
        "openapi": OPENAPI_VERSION,
        "info": {
            "title": "Car rental platform, emulated by unlockpath",
            "version": version("unlockpath"),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            "description": "Problems are told apart by `type`; each has a page at its address.",
        },
        "servers": [{"url": "/"}],
        "security": [{"customer": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"customer": {"type": "http", "scheme": "bearer"}},
        },
    }


def document_json() -> bytes:
    """Return the document as indented JSON."""
    return msgspec.json.format(msgspec.json.encode(document())) + b"\n"


def _operation(operation: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.value,
        "summary": _SUMMARIES[operation],
        "parameters": _parameters(operation),
        "responses": _responses(operation),
    }
    body = BODIES.get(operation)
    if body is not None:
        described["requestBody"] = {"required": True, "content": {JSON: {"schema": _ref(body)}}}
    return described


def _parameters(operation: Operation) -> list[dict[str, Any]]:
    parameters: list[dict[str, Any]] = []
    name = _field(operation)
    if name is not None:
        schema = {"type": "string", "minLength": 1, "maxLength": MAX_ID}
        parameters.append({"name": name, "in": "path", "required": True, "schema": schema})
    parameters += [
        _header(TRACEPARENT, "W3C Trace Context: the caller's trace goes on to the car."),
        _header(APP_VERSION, "Of the phone's app; answers are counted by it."),
    ]
    if operation in CHANGES:
        text = (
            "The same key again, within a day, is the same request again. A repeat after the"
            " command's end gets its final status: 200 or the problem, and never 202."
        )
        parameters.append(_header(IDEMPOTENCY_KEY, text, minLength=1, maxLength=255))
    if operation in COMMANDS:
        text = (
            f"RFC 7240: `wait=N` waits N seconds for the command's end, at most {MAX_WAIT_S}."
            " Without it the answer comes at once. A command ends a few seconds after its"
            " `expires_at` at the latest, so a longer wait ends then, with 504."
        )
        parameters.append(_header(PREFER, text))
    return parameters


def _header(name: str, text: str, **schema: Any) -> dict[str, Any]:
    pattern = {"pattern": "^[!#-~]*$"} if schema else {}
    return {
        "name": name,
        "in": "header",
        "required": False,
        "description": text,
        "schema": {"type": "string", **schema, **pattern},
    }


def _responses(operation: Operation) -> dict[str, Any]:
    answer, statuses = _ANSWERS[Operation.UNLOCK if operation is Operation.LOCK else operation]
    links = {then.value: _link(then) for then in _LINKS.get(operation, ())}
    responses: dict[str, Any] = {
        str(status): {
            "description": text,
            "content": {JSON: {"schema": _ref(answer)}},
            **({"links": links} if links else {}),
        }
        for status, text in statuses.items()
    }
    by_status: dict[int, list[ProblemType]] = {}
    for problem in (*PROBLEMS.values(), *UNREAD):
        by_status.setdefault(problem.status, []).append(problem)
    for status, problems in sorted(by_status.items()):
        responses[str(status)] = _problem_response(problems)
    return responses


def _link(then: Operation) -> dict[str, Any]:
    name = _field(then)
    link: dict[str, Any] = {"operationId": then.value}
    if name is not None:
        link["parameters"] = {name: f"$response.body#/{name}"}
    if then in COMMANDS:
        link["requestBody"] = {"booking_id": "$response.body#/booking_id"}
    return link


def _field(operation: Operation) -> str | None:
    """Return the name of the field in the path."""
    template = ENDPOINTS[operation]
    return template.partition("{")[2].partition("}")[0] or None


def _problem_response(problems: list[ProblemType]) -> dict[str, Any]:
    text = "\n".join(f"- `{problem.uri}`: {problem.title}" for problem in problems)
    response: dict[str, Any] = {
        "description": text,
        "content": {PROBLEM_JSON: {"schema": _ref(bodies.Problem)}},
    }
    headers = {}
    if UNAUTHENTICATED in problems:
        headers["WWW-Authenticate"] = "How to authenticate."
    if any(problem.status in (429, 503) for problem in problems):
        headers["Retry-After"] = "Seconds after which to try again, where that helps."
    if headers:
        response["headers"] = {
            name: {"description": text, "schema": {"type": "string"}}
            for name, text in headers.items()
        }
    return response


def _ref(struct: type[msgspec.Struct]) -> dict[str, str]:
    return {"$ref": _REF.format(name=struct.__name__)}
