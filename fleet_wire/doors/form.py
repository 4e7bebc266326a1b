"""The form of the file that says how an API is asked to open a car, and what it answers.

Errors say file, line and key. A value may hold names in braces, as in
`/vehicles/{vehicle_id}/unlock`; which ones there are depends on where it stands.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple
from urllib.parse import quote, urlsplit

import msgspec
from pydantic import Field, field_validator

from fleet_wire.config.errors import validated_model
from fleet_wire.config.file import Document, Loc, load_document
from fleet_wire.config.lines import lines_of
from fleet_wire.config.secrets import read_secret
from fleet_wire.error_text import suggestion
from fleet_wire.errors import ConfigError
from fleet_wire.profiles.pointers import at, tokens_of
from fleet_wire.quantities import FrozenModel, PositiveSeconds

_NAME: Final = re.compile(r"\{([a-z_]+)\}")
_HEADER_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
"""RFC 9110, section 5.6.2."""
OF_A_REQUEST: Final = ("vehicle_id", "booking_id", "attempt_id", "trace_id")
SECRET: Final = "secret"  # noqa: S105 - a name
COMMAND_ID: Final = "command_id"
LOCATION: Final = "location"


class FinalMeaning(StrEnum):
    """The meaning of a final state."""

    OK = "ok"
    REFUSED = "refused"
    """The car stayed locked, because somebody said no."""
    FAILED = "failed"
    """The car stayed locked, because something did not work."""
    UNKNOWN = "unknown"
    """The car may have opened."""


class RequestForm(FrozenModel):
    """One request."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "POST"
    path: str = Field(pattern=r"^/", description="below base_url")
    headers: dict[str, str] = Field({})
    body: Any = Field(None, description="sent as JSON; null: none")
    timeout_s: PositiveSeconds = 10.0

    @field_validator("headers")
    @classmethod
    def _are_headers(cls, headers: dict[str, str]) -> dict[str, str]:
        for name, value in headers.items():
            if _HEADER_NAME.fullmatch(name) is None or not value.isprintable():
                raise ValueError(f"{name!r} is no header: printable text on one line is expected")
        return headers


class AnswerForm(FrozenModel):
    """The places of values in answers: JSON Pointers (RFC 6901) into their bodies."""

    command_id: str | None = None
    state: str | None = None
    ends: dict[str, FinalMeaning] = Field(
        {}, description="what a state means; any other is not final"
    )
    error_class: str | None = Field(None, description="in an answer of status 400 or more")

    @field_validator("command_id", "state", "error_class")
    @classmethod
    def _is_pointer(cls, pointer: str | None) -> str | None:
        if pointer:  # an empty one is the whole answer
            tokens_of(pointer)
        return pointer


class PollForm(RequestForm):
    """How the state is asked for again, where the first answer is not final."""

    method: Literal["GET", "POST"] = "GET"
    path: str = Field("{location}", description="{location}: the answer's Location header")
    every_s: PositiveSeconds = 1.0

    @field_validator("path")
    @classmethod
    def _is_path(cls, path: str) -> str:
        if not path.startswith(("/", "{location}")):
            raise ValueError("begins with / or is {location}")
        return path


class DoorForm(FrozenModel):
    """How a phone opens a car."""

    base_url: str = Field(description="http://HOST:PORT or https://HOST")
    secret_file: Path | None = Field(
        None, description="what {secret} stands for, in headers and bodies"
    )
    bookings_file: Path | None = Field(
        None, description="what {booking_id} stands for: a car and its booking on each line"
    )
    unlock: RequestForm
    lock: RequestForm | None = Field(None, description="locks the car again; null: it stays open")
    answer: AnswerForm = AnswerForm()
    poll: PollForm | None = None

    @field_validator("base_url")
    @classmethod
    def _is_url(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query:
            raise ValueError("expected http:// or https:// and a host")
        return url.rstrip("/")


class Door(NamedTuple):
    """A door as it is used: the form, with what stands in the files that it names."""

    form: DoorForm
    secret: str
    bookings: Mapping[str, str]


def load_door(path: Path, *, more_names: Sequence[str] = ()) -> Door:
    """Return the door that a file describes; `more_names` are names in braces besides the usual.

    Raises `ConfigError` with file, line and key.
    """
    document = load_document(path)
    form = validated_model(document, DoorForm)
    _check_names(document, form, more_names)
    beside = path.parent
    secret, bookings = "", {}
    if form.secret_file is not None:
        secret = read_secret(beside / form.secret_file, name=f"{path}: secret_file")
    if form.bookings_file is not None:
        bookings = _bookings_in(beside / form.bookings_file)
    return Door(form, secret, bookings)


def names_in(request: RequestForm) -> frozenset[str]:
    """Return the names in braces that stand in a request."""
    return frozenset(name for _, text in _texts(request, ()) for name in _NAME.findall(text))


def filled(text: str, values: Mapping[str, str], *, as_url: bool = False) -> str:
    """Return a text with the names in braces replaced."""
    return _NAME.sub(
        lambda match: quote(values[match[1]], safe="") if as_url else values[match[1]], text
    )


def filled_body(body: Any, values: Mapping[str, str]) -> bytes | None:
    """Return the bytes of a body, with every text in it filled."""
    return None if body is None else msgspec.json.encode(_mapped(body, lambda t: filled(t, values)))


def text_at(document: Any, pointer: str | None) -> str | None:
    """Return the text or number at a pointer, as text; None where nothing of the kind stands."""
    if pointer is None:
        return None
    document = at(document, tokens_of(pointer) if pointer else ())
    if isinstance(document, bool):
        return "true" if document else "false"
    return str(document) if isinstance(document, str | int | float) else None


def _check_names(document: Document, form: DoorForm, more_names: Sequence[str]) -> None:
    """Raise `ConfigError` for names in braces that stand for nothing."""
    names = [name for name in OF_A_REQUEST if name != "booking_id" or form.bookings_file]
    names += more_names
    secret = [SECRET] if form.secret_file is not None else []
    problems: list[str] = []
    for key in ("unlock", "lock", "poll"):
        request: RequestForm | None = getattr(form, key)
        if request is None:
            continue
        more = [COMMAND_ID, LOCATION] if key == "poll" else []
        for loc, text in _texts(request, (key,)):
            allowed = [*names, *more, *(secret if loc[1] != "path" else [])]
            problems += [
                document.problem(loc, f"unknown name {{{name}}}{suggestion(name, allowed)}")
                for name in _NAME.findall(text)
                if name not in allowed
            ]
    if problems:
        raise ConfigError(problems)


def _texts(value: Any, loc: Loc) -> Iterator[tuple[Loc, str]]:
    if isinstance(value, RequestForm):
        value = value.model_dump(include={"path", "headers", "body"})
    if isinstance(value, str):
        yield loc, value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _texts(inner, (*loc, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _texts(inner, (*loc, index))


def _mapped(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {key: _mapped(inner, change) for key, inner in value.items()}
    return [_mapped(inner, change) for inner in value] if isinstance(value, list) else value


def _bookings_in(path: Path) -> dict[str, str]:
    bookings: dict[str, str] = {}
    for number, line in lines_of(path):
        vehicle_id, *rest = line.split()
        if len(rest) != 1:
            raise ConfigError([f"{path}:{number}: expected a car's id and its booking's"])
        bookings[vehicle_id] = rest[0]
    return bookings
