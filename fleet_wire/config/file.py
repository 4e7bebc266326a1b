"""YAML files that a user writes: plain values, and the line that each of them stands on.

Errors name what the user can see: file, line and key, or the `--set` that brought the value.
The file is data only: no tags, no merge keys, no cycles, and bounds on size, depth and aliases.
`fleet_wire.config.errors` turns pydantic's complaints about the values into such lines.
"""

from __future__ import annotations

import copy
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode

from fleet_wire.error_text import shortened, suggestion
from fleet_wire.errors import ConfigError

MAX_FILE_BYTES = 1_048_576
MAX_ALIASES = 100
MAX_VALUES = 200_000
"""Values after aliases are expanded: nine nested aliases of nine would be 400 million."""

Loc = tuple[str | int, ...]
"""A place in a document: keys and list indexes from the top."""

_TAG = "tag:yaml.org,2002:"
_LINE_LETTERS = 100
_INDEX_DIGITS = len(str(MAX_VALUES))
_END = re.compile("end of stream|stream end")
_HALVES = re.compile(r"[\ud800-\udbff][\udc00-\udfff]")
_KEY_AND_VALUE = re.compile(r"[\s-]*([\w.-]+):\s+(\S.*)")


def key_text(loc: Loc) -> str:
    """Return `loc` as a user writes it: `fleet.groups.0.count`."""
    return ".".join(shortened(str(part)) for part in loc)


@dataclass(frozen=True, slots=True)
class Document:
    """A file's values, where each stands, and which of them were overridden.

    `values` holds dict, list, str, int, float, bool and None only. `overrides` maps a place to
    the text that brought its value, for example `--set seed=3`.
    """

    path: Path
    values: dict[str, Any]
    lines: Mapping[Loc, int] = field(repr=False)
    overrides: Mapping[Loc, str] = field(default_factory=dict)

    def line_of(self, loc: Loc) -> int | None:
        """Return the line (from 1) of `loc` or of what encloses it; None where it is overridden."""
        if self._origin(loc):
            return None
        known = (loc[:end] for end in range(len(loc), -1, -1) if loc[:end] in self.lines)
        return next((self.lines[place] for place in known), None)

    def problem(self, loc: Loc, message: str, places: Sequence[Loc] = ()) -> str:
        """Return `FILE:LINE: key: message`, or `--set ...: key: message` where overridden.

        `places` are those that the problem comes from, where these are others than the key.
        """
        key = f"{key_text(loc)}: " if loc else ""
        named = dict.fromkeys(map(self._location, places or (loc,)))
        return f"{' and '.join(named)}: {key}{message}"

    def _location(self, loc: Loc) -> str:
        line = self.line_of(loc)
        return self._origin(loc) or (f"{self.path}:{line}" if line else str(self.path))

    def _origin(self, loc: Loc) -> str | None:
        """Return what brought the value at `loc`, when that was not the file."""
        ends = range(len(loc), -1, -1)
        return next(
            (self.overrides[loc[:end]] for end in ends if loc[:end] in self.overrides), None
        )

    def with_value(self, loc: Loc, value: Any, origin: str) -> Document:
        """Return a copy with `value` at `loc`, brought by `origin` (say `--set seed=3`).

        Mappings that are missing on the way are made. Raises `ConfigError` where the way leads
        through a plain value or past the end of a list.
        """
        values = copy.deepcopy(self.values)
        overrides = dict(self.overrides)
        place: Any = values
        for depth, part in enumerate(loc[:-1], start=1):
            if isinstance(place, dict) and place.get(part) is None:
                place[part] = {}
                overrides.setdefault(loc[:depth], origin)
            place = place[_entry(place, part, origin)]
        place[_entry(place, loc[-1], origin)] = value
        for old in [old for old in overrides if old[: len(loc)] == loc]:
            del overrides[old]
        overrides[loc] = origin
        return replace(self, values=values, overrides=overrides)


def _entry(place: Any, part: str | int, origin: str) -> Any:
    """Return `part` where it can be an entry of `place`; raises `ConfigError` where it cannot."""
    if isinstance(place, list) and not (isinstance(part, int) and 0 <= part < len(place)):
        names = [str(item["name"]) for item in place if isinstance(item, dict) and "name" in item]
        message = (
            f"no item '{shortened(str(part))}' in a list of {len(place)}{suggestion(part, names)}"
        )
        raise ConfigError([f"{origin}: {message}"])
    if not isinstance(place, dict | list):
        message = f"'{shortened(str(part))}' would stand inside the plain value"
        raise ConfigError([f"{origin}: {message} {shortened(repr(place))}"])
    return part


class _Reader:
    """Walks the composed YAML nodes into plain values, and notes the lines."""

    def __init__(self, yaml: YAML, place: Callable[[int], str]) -> None:
        self.lines: dict[Loc, int] = {}
        self._yaml = yaml
        self._location = place
        self._seen: set[int] = set()
        self._open: set[int] = set()
        self._aliases = 0

    def value(self, node: Node, loc: Loc) -> Any:
        self.lines.setdefault(loc, _line(node))
        if len(self.lines) > MAX_VALUES:
            raise self._error(node, f"more than {MAX_VALUES} values once aliases are expanded")
        self._count_alias(node)
        if isinstance(node, ScalarNode):
            return self._scalar(node, loc)
        self._open.add(id(node))
        try:
            return (
                self._mapping(node, loc)
                if isinstance(node, MappingNode)
                else [self.value(item, (*loc, index)) for index, item in enumerate(node.value)]
            )
        finally:
            self._open.discard(id(node))

    def _count_alias(self, node: Node) -> None:
        if id(node) in self._open:
            raise self._error(
                node, f"alias '{shortened(node.anchor)}' stands inside what it refers to"
            )
        if id(node) in self._seen and node.anchor:
            self._aliases += 1
            if self._aliases > MAX_ALIASES:
                raise self._error(node, f"more than {MAX_ALIASES} aliases")
        self._seen.add(id(node))

    def _mapping(self, node: MappingNode, loc: Loc) -> dict[str, Any]:
        self._plain_tag(node, loc, f"{_TAG}map")
        values: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, ScalarNode):
                raise self._error(key_node, "a key must be plain text")
            if key_node.tag == f"{_TAG}merge":
                raise self._error(key_node, "merge keys (<<) are not supported; write the keys out")
            key = _whole(key_node.value)
            here = (*loc, key)
            if key in values:
                first = self.lines[here]
                raise self._error(
                    key_node, f"{key_text(here)}: duplicate key, first on line {first}"
                )
            self.lines[here] = _line(key_node)
            values[key] = self.value(value_node, here)
        return values

    def _scalar(self, node: ScalarNode, loc: Loc) -> Any:
        if node.tag == f"{_TAG}timestamp":
            return node.value
        self._plain_tag(
            node, loc, *(f"{_TAG}{name}" for name in ("str", "int", "float", "bool", "null"))
        )
        try:
            value = self._yaml.constructor.construct_object(node)
        except (ValueError, OverflowError) as error:
            raise self._error(node, f"cannot read {node.value[:40]!r}: {error}") from None
        if isinstance(value, float) and not math.isfinite(value):
            raise self._error(node, f"{node.value!r} is not a finite number")
        return _whole(value) if isinstance(value, str) else value

    def _plain_tag(self, node: Node, loc: Loc, *allowed: str) -> None:
        if node.tag not in allowed:
            # The name stays unsaid: it may be a password that begins with "!".
            problem = "tags are not supported; write plain values, or quote a text"
            raise self._error(node, f"{key_text(loc)}: {problem}" if loc else problem)

    def _error(self, node: Node, message: str) -> ConfigError:
        return ConfigError([f"{self._location(_line(node))}: {message}"])


def _whole(text: str) -> str:
    """Return a text in which no letter is two halves, as JSON escapes those beyond U+FFFF."""
    return _HALVES.sub(lambda it: it[0].encode("utf-16", "surrogatepass").decode("utf-16"), text)


def _line(node: Node) -> int:
    return int(node.start_mark.line) + 1


def _parse(text: str, place: Callable[[int], str]) -> tuple[Any, dict[Loc, int]]:
    """Return the plain value of a YAML text, and the line of every place in it.

    `place` names a line of the text in an error.
    """
    yaml = YAML(typ="safe", pure=True)
    try:
        node = yaml.compose(text)
        if node is None:
            return None, {(): 1}
        reader = _Reader(yaml, place)
        return reader.value(node, ()), reader.lines
    except MarkedYAMLError as error:
        line, message = _explained(error, text)
        raise ConfigError([f"{place(line)}: {message}"]) from None
    except YAMLError as error:
        message = " ".join(str(error).split())
        raise ConfigError([f"{place(1)}: not valid YAML: {message}"]) from None
    except RecursionError:
        raise ConfigError([f"{place(1)}: nested too deeply"]) from None


def _explained(error: MarkedYAMLError, text: str) -> tuple[int, str]:
    """Return the line of a text at fault, and what to do; its values may be secrets."""
    marks = [mark for mark in (error.problem_mark, error.context_mark) if mark is not None]
    lines = text.splitlines()
    for mark in marks:
        found = _KEY_AND_VALUE.fullmatch(lines[mark.line]) if mark.line < len(lines) else None
        if found is not None and not _may_begin_value(found[2]):
            todo = "not valid YAML without quotes; quote the value"
            return mark.line + 1, f"{found[1]}: {todo}"
    message = " ".join(part for part in (error.problem, error.context) if part)
    if _is_unfinished(error):
        return marks[-1].line + 1, "not valid YAML: close the quote or bracket that opens here"
    if "'\\t'" in message:
        message = "a tab: indent with spaces"
    return (marks[0].line + 1 if marks else 1), f"not valid YAML: {message}"


def _may_begin_value(rest: str) -> bool:
    """Return whether the rest of a line is a value in YAML, or begins one that goes on below."""
    try:
        YAML(typ="safe", pure=True).compose(f"key: {rest}")
    except MarkedYAMLError as error:
        return _is_unfinished(error)
    return True


def _is_unfinished(error: MarkedYAMLError) -> bool:
    """Return whether a text ends within a quote or a bracket."""
    return error.problem is not None and bool(_END.search(error.problem))


def load_document(path: Path) -> Document:
    """Return the document in the file `path`.

    Raises `ConfigError` with file and line for what cannot be read or is not plain YAML with a
    mapping at the top.
    """
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise ConfigError([f"{path}: cannot be read: {error.strerror or error}"]) from None
    return parsed_document(data, path)


def parsed_document(data: bytes, path: Path) -> Document:
    """Return the document in some bytes, of which errors say that they are the file `path`.

    Raises `ConfigError` as `load_document` does.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError([f"{path}:{line}: not UTF-8 text"]) from None
    if len(data) > MAX_FILE_BYTES:
        raise ConfigError([f"{path}: longer than {MAX_FILE_BYTES} bytes"])
    values, lines = _parse(text, lambda line: f"{path}:{line}")
    if not isinstance(values, dict):
        found = "nothing" if values is None else f"a {type(values).__name__}"
        raise ConfigError([f"{path}:{lines[()]}: expected keys and values, found {found}"])
    return Document(path=path, values=values, lines=lines)


def apply_overrides(
    document: Document,
    overrides: Sequence[str],
    *,
    shorthands: Mapping[str, str] | None = None,
    dotted_keys: Mapping[str, frozenset[str]] | None = None,
) -> Document:
    """Return the document with each `KEY=VALUE` of `overrides` set, later ones last.

    A key is a dotted path; list items go by number, by their `name`, or `*` for each. Values are
    YAML. `shorthands` maps short keys to full ones. Below a top-level key of `dotted_keys` the keys
    themselves hold dots, and only its names end a path (`expect.unlock.p95_s.max`). Keys that the
    document lacks are added: its model says whether they are right.
    Raises `ConfigError` naming the override.
    """
    problems: list[str] = []
    for text in overrides:
        origin = f"--set {shortened(text)}"
        key, equals, value_text = text.partition("=")
        path = (shorthands or {}).get(key.strip(), key.strip()).split(".")
        if not equals or not all(path):
            problems.append(f"{origin}: expected KEY=VALUE, for example seed=3")
            continue
        if path[0] in (dotted_keys or {}) and len(path) > 1:
            path = _joined(path, (dotted_keys or {})[path[0]])
        try:
            value, _ = _parse(value_text, _always(origin))
            for loc in list(_locs(document.values, path, origin)):
                document = document.with_value(loc, value, origin)
        except ConfigError as error:
            problems.extend(error.problems)
    if problems:
        raise ConfigError(problems)
    return document


def yaml_text(values: Mapping[str, Any]) -> str:
    """Return plain values as YAML, as `load_document` reads them: what is short on one line."""
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = None
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment] # typed as None
    yaml.width = _LINE_LETTERS
    stream = StringIO()
    yaml.dump(copy.deepcopy(values), stream)
    return stream.getvalue()


def _always(place: str) -> Callable[[int], str]:
    return lambda _line: place


def _joined(path: list[str], leaves: frozenset[str]) -> list[str]:
    head, *rest = path
    if len(rest) > 1 and rest[-1] in leaves:
        return [head, ".".join(rest[:-1]), rest[-1]]
    return [head, ".".join(rest)]


def _locs(place: Any, path: Sequence[str], origin: str) -> Iterator[Loc]:
    """Yield every place that a dotted path means."""
    if not path:
        yield ()
    elif isinstance(place, list):
        for index in _item_indexes(place, path[0], origin):
            rest_place = place[_entry(place, index, origin)]
            yield from ((index, *rest) for rest in _locs(rest_place, path[1:], origin))
    elif isinstance(place, dict) and path[0] in place:
        rest_place = place[path[0]]
        yield from ((path[0], *rest) for rest in _locs(rest_place, path[1:], origin))
    else:
        yield tuple(path)


def _item_indexes(items: list[Any], part: str, origin: str) -> Sequence[int]:
    if part == "*":
        return range(len(items))
    if part.isdecimal() and part.isascii() and len(part) <= _INDEX_DIGITS:
        return [int(part)]
    named = [
        index
        for index, item in enumerate(items)
        if isinstance(item, dict) and item.get("name") == part
    ]
    if not named:
        _entry(items, part, origin)
    return named
