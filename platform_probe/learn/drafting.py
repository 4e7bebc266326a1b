"""A first draft of a profile file, from messages that were heard.

It is guessed from words that fleets use in topics and fields, from which levels of topics vary, and
from what comes again in answers. The draft is tried on the recorded messages first. It can be
loaded, reads all of them, and contains `FILL_IN` where a person must decide. Messages that were not
understood are listed as comments.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from fleet_wire.contract.topics import TopicKind
from fleet_wire.error_text import text_problem
from fleet_wire.errors import RemoteProtocolError
from fleet_wire.links.link import Message
from fleet_wire.profiles.checking import problems_of
from fleet_wire.profiles.form import ProfileForm
from fleet_wire.profiles.gaps import FILL_IN
from fleet_wire.profiles.mapped import MappedProfile
from fleet_wire.profiles.samples import Sample
from fleet_wire.profiles.topic_templates import TopicTemplate
from platform_probe.learn.draft_entries import COMMAND_LEVEL, Entry, SortedGroups, sorted_out
from platform_probe.learn.draft_fields import OTHERWISE, Field
from platform_probe.learn.draft_groups import Group, groups_of
from platform_probe.learn.draft_topics import VEHICLE
from platform_probe.learn.draft_words import ABOUT

_WORD_NEEDED: Final = {TopicKind.COMMAND: "unlock", TopicKind.RESULT: "executed"}
"""The word that some message of a kind must contain."""
_MOST_WORDS: Final = 5
_MOST_LETTERS: Final = 60
"""Most letters of a recorded word in a comment."""
_UNHEARD: Final = f"nothing was heard that looks like one: instead of {FILL_IN}, its topic"


def draft_of(samples: Sequence[Sample], *, mqtt: str, vehicles: Iterable[str] = ()) -> str:
    """Return the text of a profile file; `vehicles` are ids of cars that are known."""
    heard = [(tuple(one.topic.split("/")), one.as_message()) for one in samples]
    usable = [(levels, message) for levels, message in heard if _is_usable(message.topic)]
    found = sorted_out(groups_of(usable, frozenset(vehicles)))
    strange = [
        (Group(levels, [levels], [message]), "its topic cannot stand in a profile")
        for levels, message in heard
        if not _is_usable(message.topic)
    ]
    found.others += strange
    regular = [message for one in found.groups() for message in one.messages]
    while (fault := _fault(found, mqtt, regular)) is not None:
        entry, why = fault
        found.entries.remove(entry)
        found.others.append((entry.group, why))
    lines = [
        f"# A first draft, from {len(samples)} messages. Every guess is to be checked:",
        "#   fleet-sim profile check THIS-FILE --sample RECORDED.jsonl",
        "",
        *_lines(found, mqtt),
    ]
    return "\n".join([*lines, ""])


def _is_usable(topic: str) -> bool:
    """Return whether a topic can stand in a profile: no broker takes one with + or #."""
    return bool(topic) and not set("{}+#") & set(topic) and text_problem(topic) is None


# Whether it is one


def _fault(found: SortedGroups, mqtt: str, heard: Sequence[Message]) -> tuple[Entry, str] | None:
    """Return a topic that a profile cannot have, or that cannot be read, and why; None: all can."""
    _forget_ids_of_answers_alone(found)
    for entry in found.entries:
        if not all(text_problem(text) is None for text in _texts(entry.form())):
            return entry, "holds what no file can hold"
    form = ProfileForm.model_validate(_document(found, mqtt))
    for loc, problem in problems_of(form):
        of_kind = [one for one in found.entries if one.kind == loc[0]]
        if of_kind:
            number = loc[1] if len(loc) > 1 and isinstance(loc[1], int) else -1
            return of_kind[number], problem
    return _unreadable(found.entries, MappedProfile(form, name="draft"), heard)


def _forget_ids_of_answers_alone(found: SortedGroups) -> None:
    """Drop the ids of answers if commands carry none."""
    commands = found.of_kind(TopicKind.COMMAND)
    if commands and not any(one.has_id for one in commands):
        for one in found.of_kind(TopicKind.RESULT):
            one.forget_id()


def _unreadable(
    entries: Sequence[Entry], profile: MappedProfile, heard: Sequence[Message]
) -> tuple[Entry, str] | None:
    for message in heard:
        try:
            slots = profile.slots_of(message)
        except RemoteProtocolError:
            continue
        for slot in slots:
            try:
                profile.read(slot, message)
            except RemoteProtocolError as error:
                fitting = (one for one in entries if one.kind is slot[0] and _is_on(one, message))
                entry = next(fitting, None)
                if entry is not None:
                    return entry, str(error)
    return None


def _is_on(entry: Entry, message: Message) -> bool:
    topic = TopicTemplate.parse(message.topic, {})
    return TopicTemplate.parse(entry.group.template, {}).overlaps(topic)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
    elif isinstance(value, str):
        yield value


# Texts of the draft


def _document(found: SortedGroups, mqtt: str) -> dict[str, Any]:
    """Return the draft as its file says it."""
    settings = {key: value for key, (value, _) in _settings(found, mqtt).items()}
    topics = {kind.value: [one.form() for one in found.of_kind(kind)] for kind in TopicKind}
    for kind in _WORD_NEEDED:
        _fill_in(kind, topics[kind.value], found)
    return {**settings, **{kind: forms for kind, forms in topics.items() if forms}}


def _fill_in(kind: TopicKind, forms: list[dict[str, Any]], found: SortedGroups) -> None:
    """Mark the topic, or its most needed word, that a person must fill in."""
    name, word = ABOUT[kind], _WORD_NEEDED[kind]
    if not forms:
        levels = [FILL_IN, VEHICLE, kind.value]
        if any(one.has_id for other in _WORD_NEEDED for one in found.of_kind(other)):
            levels.append(COMMAND_LEVEL)
        field: Field = {"at": "text", "values": {}, "otherwise": OTHERWISE[name]}
        forms.append({"topic": "/".join(levels), "payload": "text", "fields": {name: field}})
    said = {one for form in forms for one in form["fields"][name].get("values", {}).values()}
    if word not in said:
        field = forms[0]["fields"][name]
        values = {FILL_IN: word, **field.get("values", {})}
        filled = {"at": field["at"], "values": values, "otherwise": OTHERWISE[name]}
        forms[0]["fields"] = {**forms[0]["fields"], name: filled}


def _settings(found: SortedGroups, mqtt: str) -> dict[str, tuple[Any, str]]:
    """Return what holds for the whole fleet, each with a comment."""
    commands, answers = found.of_kind(TopicKind.COMMAND), found.of_kind(TopicKind.RESULT)
    settings: dict[str, tuple[Any, str]] = {"mqtt": (mqtt, "")}
    if any("expires_at" in one.fields for one in commands):
        settings["expires"] = (True, "")
    asked, answered = (any(one.has_id for one in some) for some in (commands, answers))
    if (commands and not asked) or (answers and not answered) or not (asked or answered):
        settings["correlation"] = _correlation(found, mqtt)
    if _is_id_of_several(commands):
        settings["ids"] = ("car", "cars were heard with the same id")
    return settings


def _correlation(found: SortedGroups, mqtt: str) -> tuple[str, str]:
    """Return how answers without a command id are matched."""
    if mqtt == "5" and _share_correlation_data(found):
        return "correlation_data", ""
    return "only_open", "no id was found that commands and answers share"


def _share_correlation_data(found: SortedGroups) -> bool:
    """Return whether answers carry that of commands; of a kind that nobody knows, any others do."""
    commands, answers = (
        [one.group for one in found.of_kind(kind)] or [group for group, _ in found.others]
        for kind in _WORD_NEEDED
    )
    return any(
        _correlation_data(command) & _correlation_data(answer)
        for command in commands
        for answer in answers
        if answer is not command
    )


def _correlation_data(group: Group) -> set[bytes]:
    return {one.correlation_data for one in group.messages if one.correlation_data is not None}


def _is_id_of_several(commands: Sequence[Entry]) -> bool:
    cars: dict[str, str] = {}
    for one in commands:
        if one.id_at is None:
            continue
        pairs = zip(one.group.values(one.id_at), one.group.cars(), strict=True)
        if any(cars.setdefault(str(named), car) != car for named, car in pairs):
            return True
    return False


# How it is written


def _lines(found: SortedGroups, mqtt: str) -> Iterator[str]:
    for key, (value, comment) in _settings(found, mqtt).items():
        yield f"{key}: {_value(value, key)}" + (f" # {comment}" if comment else "")
    document = _document(found, mqtt)
    for kind in TopicKind:
        forms, entries = document.get(kind.value, []), found.of_kind(kind)
        if forms:
            yield from ("", f"{kind.value}:")
        for number, form in enumerate(forms):
            yield from _lines_of(form, list(_comments(entries[number])) if entries else [_UNHEARD])
    if found.others:
        yield from ("", "# Not understood:")
    for group, why in found.others:
        line = f"#   {_quoted(group.template)}  {_first_payload(group)}"
        yield f"{line}: {_quoted(why)[1:-1]}" if why else line


def _comments(entry: Entry) -> Iterator[str]:
    """Yield comments on a topic for the reader of the draft: examples and guesses."""
    group = entry.group
    yield f"such as {_first_payload(group)}"
    if group.odd:
        count = len(group.odd) + len(group.messages)
        yield f"{len(group.odd)} of {count} messages cannot be read: {group.odd[0].payload[:60]!r}"
    yield from (f"left out, {_quoted(why)[1:-1]}" for why in group.why_missing(entry.kind))
    if "value" in entry.fields.get("reason", {}):
        yield "no reason was heard: each refusal counts as one that does not say why"
    for name, field in entry.fields.items():
        values = field.get("values", {})
        if not values and name != ABOUT.get(entry.kind):
            continue
        heard = entry.values_of(name)
        unknown = [text for text in heard if text not in values]
        if unknown and "otherwise" in field:
            yield f"taken for {field['otherwise']}: {_quoted_list(unknown)}"
        unheard = [text for text in values if text not in heard]
        if unheard:
            yield f"not heard, but likely: {_quoted_list(unheard)}"


def _quoted_list(words: Sequence[str]) -> str:
    more = ", ..." if len(words) > _MOST_WORDS else ""
    return ", ".join(_quoted(word[:_MOST_LETTERS]) for word in words[:_MOST_WORDS]) + more


def _lines_of(form: Mapping[str, Any], comments: Iterable[str]) -> Iterator[str]:
    begin = "  - "
    for key, value in form.items():
        if key != "fields":
            yield f"{begin}{key}: {_value(value, key)}"
            begin = "    "
    yield from (f"    # {comment}" for comment in comments)
    yield "    fields:"
    for name, field in form["fields"].items():
        if FILL_IN in field.get("values", {}):
            yield f"      # instead of {FILL_IN}: the fleet's word, which nobody said"
        yield f"      {name}: {_field(field)}"


def _field(field: Field) -> str:
    if set(field) == {"at"} and field["at"] != "text":
        return _quoted(field["at"])
    return f"{{ {', '.join(f'{key}: {_value(value, key)}' for key, value in field.items())} }}"


def _value(value: Any, key: str) -> str:
    """Return a value as YAML; what the fleet says is quoted."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        pairs = (
            f"{_quoted(text)}: {_value(inner, '' if key == 'values' else 'when')}"
            for text, inner in value.items()
        )
        return f"{{ {', '.join(pairs)} }}"
    if isinstance(value, list):
        return f"[{', '.join(map(_quoted, value))}]"
    is_ours = key not in ("topic", "mqtt", "when") and (key != "at" or value == "text")
    return str(value) if is_ours else _quoted(value)


def _first_payload(group: Group) -> str:
    return repr(group.messages[0].payload[:60])


def _quoted(text: str) -> str:
    """Return a text as YAML, in letters that every YAML has."""
    escaped = (
        letter if " " <= letter <= "~" and letter not in '"\\' else f"\\U{ord(letter):08x}"
        for letter in text
    )
    return f'"{"".join(escaped)}"'
