"""Plays transcripts of a store: what is in it, and what support, commands and pages say of it."""

from __future__ import annotations

import atexit
import re
import shlex
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Final

import msgspec
import pytest
from click.testing import CliRunner

from fleet_wire.contract.attempt import Attempt, PlatformSide
from fleet_wire.contract.diagnosis import Diagnosis, FactSeen, RankedMode, Weighed
from fleet_wire.contract.incident import Change, ChangeKind, Incident
from fleet_wire.contract.text import Text
from fleet_wire.errors import ConfigError
from fleet_wire.modes.facts import Fact
from platform_probe.__main__ import main
from platform_probe.commands import asking
from platform_probe.store.layout import all_segments
from platform_probe.store.reading import Source
from platform_probe.tell.support.advising import advice_now
from platform_probe.tell.support.case import Case
from platform_probe.tell.support.choosing import Moment
from platform_probe.tell.support.fitting import UnlockQuery
from platform_probe.tell.support.looking_up import look_up
from platform_probe.tell.support.telling import explanation, text_of
from platform_probe.tell.support.telling_programs import json_of
from platform_probe.texts.speaking import Speaker
from tests.helpers import stores
from tests.helpers.busy_store import make_busy_store
from tests.helpers.console_pages import ReadConsole, lines_of
from tests.helpers.consoles import incident_of, make_console_store, put_incidents
from tests.helpers.diagnoses import diagnosis_of
from tests.helpers.english import ENGLISH
from tests.helpers.records import COMPLAINT
from tests.helpers.stores import BEGIN_S, KeptOpen, ReadAnew, make_coast_store
from tests.helpers.transcripts import DETAIL, TellerAtHome, matching, perform, stories, with_members

_OF_PLATFORM: Final = frozenset(PlatformSide.__struct_fields__) - {"vehicle_id"}

SHARED: Final[dict[str, Callable[[Path], Path]]] = {
    "busy": make_busy_store,
    "coast": make_coast_store,
    "console": make_console_store,
    "garage": lambda directory: _make_told_store(directory, "garage"),
}
"""Stores in which everything has happened once, alone or with incidents; a coast; a garage."""
_PARTS: Final = {
    "Known problem": "known", "Why": "why", "What to say": "say", "What to do": "do",
    "Who else": "else", "What happened": "happened", "Other unlocks that fit": "others",
}  # fmt: skip
_MUTE: Final = Change(
    at=BEGIN_S + 310.0, kind=ChangeKind.MUTED, sentence="jo mutes it", by="jo", reason="known"
)


_GREW: Final = tuple(
    Change(at=BEGIN_S + 20.0, kind=ChangeKind.GREW, sentence=sentence, text=text)
    for sentence, text in (
        ("20 customers by now", Text(key="event.grew", values={
            "whom": Text(key="whom.customers", values={"count": 20}),
            "numbers": Text(key="numbers.hit", values={
                "failed": 20, "total": 40, "share": 0.5, "expected": 0.02,
            }),
        })),
        ("something new", None),
    )
)  # fmt: skip


@dataclass
class StorePlayer(TellerAtHome):
    """A store, and people who ask. The car is car-1, and times are seconds of the first day.

    `unlock NUMBER` begins in that second. Its fields are those of the record and of the platform,
    and `evidence=name:value`. `believed NUMBER MODE:SHARE` diagnoses it, with facts and with what
    speaks `against`, each of its weight as `fact*0.8`. `log` and `heard` are lines of the
    platform's log, and messages of the car.

    `ask` shows the keys of the advice, `of` the incidents of unlocks. `tell PART...` shows parts of
    the text about an unlock, `json PATH...` values of the last such answer. `run "COMMAND"
    [PATTERN]` runs a command of platform-probe, and `page PATH [PATTERN]` gets a page of the
    console. Both show the lines that match. `STORE` stands for the directory of the store, and
    `HOME` for the one with each `file`.
    """

    directory: Path = Path()
    case: Case | None = None
    console: ReadConsole | None = None

    def __post_init__(self) -> None:
        """Have the store at home, if no other is given."""
        super().__post_init__()
        self.directory = self.directory if self.directory.name else self.home / "store"

    def verbs(self) -> Mapping[str, Callable[..., object]]:
        """Return the function of each verb."""
        return {
            **super().verbs(),
            "lock": lambda at_s, **more: stores.put_lock(self.directory, at_s, "car-1", **more),
            "presence": lambda at_s, status: stores.put_presence(
                self.directory, at_s, "car-1", status
            ),
        }

    def news(self) -> list[str]:
        """Return what was told. A story that has changed a shared store fails: others read it."""
        if self.directory in _MADE:
            assert _files_in(self.directory) == _MADE[self.directory], "stories share this store"
        return super().news()

    def _do_unlock(self, number: int, **said: Any) -> None:
        its = {name: value for name, value in said.items() if name not in _OF_PLATFORM}
        for name in ("evidence", "stages"):
            if name in its:
                its[name] = dict(_pairs(its[name]))
        for kind in {"broker_said", "unread"} & {*its.get("evidence", ())}:  # counts by kind
            name, _, count = its["evidence"][kind].partition("*")
            its["evidence"][kind] = {name: int(count)}
        if side := {name: said[name] for name in said if name in _OF_PLATFORM}:
            its["platform"] = PlatformSide(**side, vehicle_id=its.pop("opened", None))
        stores.put_unlocks(
            self.directory, [stores.unlock(number, **{"car": "car-1"} | with_members(Attempt, its))]
        )

    def _do_incident(self, **said: Any) -> None:
        its = {name: value for name, value in said.items() if not name.endswith("_s")}
        names = {"muted": "muted_until", "since": "since", "at": "at"}
        for name in ("ended", "opened", "muted", "since", "at"):
            if f"{name}_s" in said:
                its[names.get(name, f"{name}_at")] = BEGIN_S + said[f"{name}_s"]
        if "muted_s" in said:
            its["changes"] = (_MUTE,)
        if its.pop("grew", False):
            its["changes"] = _GREW
        its["cohort"] = dict(_pairs(its.get("cohort", "region:centre")))
        its["cohorts"] = tuple(
            dict(_pairs(one)) for one in its.get("cohorts", "").split("|") if one
        )
        its["examples"] = tuple(filter(None, (its.get("examples") or "").split(",")))
        if "subject" in its:
            its["subject"] = Text(key="whom.as_is", values={"text": its["subject"]})
        if "related" in its:
            its["related"] = (its["related"],)
            joined = f"this is part of another incident: {its['related'][0]}"
            its["changes"] = (Change(at=its["ended_at"], kind=ChangeKind.JOINED, sentence=joined),)
        put_incidents(self.directory, [incident_of(**with_members(Incident, its))])

    def _do_believed(
        self, number: int, *modes: str, facts: str = "", against: str = "", **more: Any
    ) -> None:
        seen = [*_weights(facts)]
        weighed = (
            *(Weighed(fact, weight) for fact, weight in seen if weight is not None),
            *(Weighed(fact, weight or -0.7, is_seen=False) for fact, weight in _weights(against)),
        )
        if "at_s" in more:
            more["at"] = BEGIN_S + more.pop("at_s")
        its: dict[str, Any] = {"attempt_id": f"attempt-{number}", "vehicle_id": "car-1"}
        made = diagnosis_of(
            *(RankedMode(mode, share, weighed) for one in modes for mode, share in _pairs(one)),
            facts=tuple(FactSeen(fact, fact if weight else "so it was") for fact, weight in seen),
            **its | with_members(Diagnosis, more),
        )
        stores.put_lines(self.directory, "diagnoses", [msgspec.json.encode(made)])

    def _do_booking_end(self, at_s: float, **said: Any) -> None:
        its = {"car": "car-1", "booking": "booking-300"} | said
        stores.put_booking_end(self.directory, at_s, **its)

    def _do_store(self, name: str) -> None:
        """Ask about a store that all stories share, and nobody changes."""
        self.directory = shared_store(name)

    def _do_pack(self) -> None:
        """Pack all lines, as the keeper does, and show what became of them."""
        report = stores.kept(self.directory)
        counts = {name: getattr(report, name) for name in ("rows", "merged", "unreadable")}
        done = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
        self.told.append(f"packed {done or 'nothing'}")

    def _do_records(self) -> None:
        """Write the lines of the store into `HOME/records`, as a monitor without a store does."""
        (self.home / "records").mkdir()
        for table in ("attempts", "incidents"):
            lines = b"".join(one.path.read_bytes() for one in all_segments(self.directory, table))
            if lines:
                (self.home / "records" / f"{table}.jsonl").write_bytes(lines)

    def _do_raw(self, table: str, *lines: str) -> None:
        """Add lines to a table as they are, whoever wrote them."""
        stores.put_lines(self.directory, table, [line.encode() for line in lines])

    def _do_call(self, at_s: float, complaint_id: str = "call", **said: Any) -> None:
        if "attempts" in said:
            said["attempts"] = (said["attempts"],)
        made = {"complaint_id": complaint_id, "at": BEGIN_S + at_s, **said}
        call = msgspec.structs.replace(COMPLAINT, **made)
        stores.put_lines(self.directory, "complaints", [msgspec.json.encode(call)])

    def _do_late(
        self, number: int = 300, after_s: float = 20.1, *, car: str = "car-1", told_no: bool = True
    ) -> None:
        late = stores.opened_late(stores.unlock(number, car=car), after_s, is_told_no=told_no)
        stores.put_lines(self.directory, "stray_answers", [late])

    def _do_log(self, at_s: float, **said: Any) -> None:
        self._line("platform_events", at_s, {"request_id": "r", **said})

    def _do_heard(self, at_s: float, kind: str, message: str, *, retained: bool = False) -> None:
        said = {"kind": kind, "message": dict(_pairs(message)), "is_retained": retained}
        self._line("observations", at_s, said)

    def _line(self, table: str, at_s: float, said: Mapping[str, Any]) -> None:
        line = {"at": BEGIN_S + at_s, "vehicle_id": "car-1", **said}
        stores.put_lines(self.directory, table, [msgspec.json.encode(line)])

    def _do_ask(self, at_s: float = 2_000.0, number: int = 300) -> None:
        query = UnlockQuery(attempt=f"attempt-{number}")
        self.told += _told(look_up(ReadAnew(self.directory), query, BEGIN_S + at_s))

    def _do_of(self, *numbers: int) -> None:
        """Show the incidents that unlocks are of, or a call of which the id is given."""
        for number in numbers:
            any_id = f"attempt-{number}" if isinstance(number, int) else number
            case = look_up(ReadAnew(self.directory), UnlockQuery(attempt=any_id), BEGIN_S + 2_000)
            its = sorted(one.incident_id for one in case.incidents)
            self.told.append(f"{number} is of {', '.join(its) or 'none'}")

    def _do_tell(
        self,
        *parts: str,
        newest_s: float | None = 2_000.0,
        as_of_s: float | None = None,
        lines: str = "",
        language: str = "en",
        **asked: Any,
    ) -> None:
        """Show the parts of the text about an unlock, or their lines that match."""
        if "at_s" in asked:
            asked["at"] = Moment(BEGIN_S + asked.pop("at_s"), asked.pop("lasts_s", 0.0))
        if "since_s" in asked:
            asked["since_s"] += BEGIN_S
        query = UnlockQuery(**asked or {"attempt": "attempt-300"})
        as_of = None if as_of_s is None else BEGIN_S + as_of_s
        source = source_of(self.directory, as_of)
        now_s = None if newest_s is None or as_of_s is not None else BEGIN_S + newest_s
        try:
            self.case = look_up(source, query, now_s)
        except ConfigError as error:
            self.told += [f"error: {problem}" for problem in error.problems]
            return
        found = _parts_of(text_of(self.case, Speaker(language)))
        chosen = [line for part in parts for line in found.get(part, [])]
        self.told += matching(chosen, lines)

    def _do_json(self, *paths: str) -> None:
        """Show values of the last answer as a program reads it."""
        assert self.case is not None
        for path in paths:
            value: Any = json_of(self.case, ENGLISH)
            for name in path.split("."):
                value = value[int(name)] if isinstance(value, list) else value[name]
            self.told.append(f"{path}: {msgspec.json.encode(value).decode()}")

    def _opened(self, settings: str) -> ReadConsole:
        if self.console is None:
            chosen = msgspec.json.decode(self._with_paths(settings) or "{}")
            self.console = ReadConsole(self.directory, self.home, chosen)
        return self.console

    def close(self) -> None:
        """Close the console, if one was opened."""
        if self.console is not None:
            self.console.close()

    def _do_find(self, text: object, *, settings: str = "") -> None:
        """Show where the search box leads, and the status of the page that is there."""
        console = self._opened(settings)
        url = console.leads_to(f"/search?q={text}")
        self.told.append(f"{text}: {url} {console.get(url)[0]}")

    def _do_page(
        self,
        path: str,
        lines: str = "",
        *,
        language: str = "en",
        settings: str = "",
        html: str = "",
    ) -> None:
        """Show a status that is not 200, and the lines of a page, or what matches of its HTML.

        The settings of the console hold from its first page on, as JSON.
        """
        console = self._opened(settings)
        console.get("/unlock/none")  # what is not known is looked for anew
        status, page = console.get(path, language)
        page = page.replace(str(self.home), "HOME")
        if status != HTTPStatus.OK:
            self.told.append(f"status {status}")
        if html:
            self.told += [" ".join(one.group().split()) for one in re.finditer(html, page)]
        else:
            self.told += matching(lines_of(page), lines)

    def _with_paths(self, text: str) -> str:
        return text.replace("STORE", str(self.directory)).replace("HOME", str(self.home))

    def _do_file(self, name: str, text: str) -> None:
        """Write a file into `HOME`; a backslash and an n end a line."""
        path = self.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self._with_paths(text).replace("\\n", "\n"), encoding="utf-8")

    def _do_run(self, command: str, lines: str = "") -> None:
        """Run a command of the monitor; show its exit code unless it is 0, and its lines."""
        words = self._with_paths(command)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(asking, "Source", source_of)
            result = CliRunner().invoke(main, shlex.split(words))
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        said = result.output.replace(str(self.directory), "STORE").replace(str(self.home), "HOME")
        told = matching(said.splitlines(), lines)
        if result.exit_code:
            told[:1] = [": ".join([f"exit code {result.exit_code}", *told[:1]])]
        self.told += told


@cache
def shared_store(name: str) -> Path:
    """Return a store for all stories of this process."""
    directory = Path(mkdtemp(prefix=f"{name}-"))
    atexit.register(shutil.rmtree, directory)
    store = SHARED[name](directory / "store")
    _MADE[store] = _files_in(store)
    return store


def _make_told_store(directory: Path, name: str) -> Path:
    """Make the store of which a story beside this file tells."""
    (story,) = stories(Path(__file__).with_name(f"{name}.txt"))
    player = StorePlayer(directory=directory)
    perform(player, story.rows)
    return directory


_MADE: Final[dict[Path, dict[Path, int]]] = {}
"""The files of each shared store when it was made."""


def _files_in(directory: Path) -> dict[Path, int]:
    return {path: path.stat().st_size for path in directory.rglob("*") if path.is_file()}


@cache
def _kept_open(directory: Path) -> KeptOpen:
    its = KeptOpen(directory)
    atexit.register(its.close)
    return its


def source_of(directory: Path, as_of_s: float | None = None) -> Source:
    """Return what reads a store: one that stories share is opened once."""
    if as_of_s is None and directory in map(shared_store, SHARED):
        return _kept_open(directory)
    return ReadAnew(directory, as_of_s=as_of_s)


def _parts_of(text: str) -> dict[str, list[str]]:
    """Return the lines of a text by the part that they stand in; a part has a word of its title."""
    parts: dict[str, list[str]] = {"head": []}
    part = "head"
    for line in text.splitlines():
        if line in _PARTS:
            part = _PARTS[line]
        else:
            parts.setdefault(part, []).append(line)
    return parts


def _told(case: Case) -> Iterator[str]:
    """Yield the keys of what is said and done, and what is known of the case."""
    advice = advice_now(case)
    yield f"say {_keys(advice.say)}"
    yield f"do {_keys(advice.do)}"
    if advice.acts or advice.mend:
        yield f"{DETAIL}acts {advice.acts}: {advice.mend and advice.mend.key}"
    known = {
        "explained": explanation(case).key,
        "opened later": case.opened_after_no,
        "opened in time": case.opened_in_time,
        "booking ended": case.booking_ended_s and f"{case.booking_ended_s - BEGIN_S:g}",
        "believed": case.believed and case.believed.first.mode,
        "incidents": " ".join(f"{one.incident_id} {one.state}" for one in case.incidents),
    }
    yield DETAIL + ", ".join(_fact(name, value) for name, value in known.items() if value)


def _fact(name: str, value: object) -> str:
    return name if value is True else f"{name} {value}"


def _keys(texts: Iterable[Text]) -> str:
    return " ".join(text.key for text in texts) or "nothing"


def _weights(text: str) -> Iterator[tuple[Fact, float | None]]:
    """Yield facts of `fact,fact*0.8`, with their weights where they are given."""
    for one in _words(text):
        name, _, weight = one.partition("*")
        yield Fact(name), float(weight) if weight else None


def _words(text: str) -> Iterable[str]:
    return filter(None, text.split(","))


def _pairs(text: str | None) -> Iterator[tuple[str, Any]]:
    """Yield names and values of `name:value,name:value`; a number is one."""
    for one in _words(text or ""):
        name, _, value = one.partition(":")
        yield name, _number_or_text(value)


def _number_or_text(value: str) -> float | int | str:
    for kind in (int, float):
        try:
            return kind(value)
        except ValueError:
            continue
    return value
