"""The console itself: answers requests with pages, and says who may have them.

The event loop only takes requests and hands out answers. Pages are made by threads.
"""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing, suppress
from datetime import tzinfo
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode

import msgspec

from fleet_wire.errors import ConfigError
from fleet_wire.web.exchange import HTML, JSON, HttpRequest, HttpResponse, HttpStream
from fleet_wire.web.server import HttpServer
from platform_probe.boards.folder import BoardFolder
from platform_probe.settings.console import ConsoleSettings
from platform_probe.store.duck import Rows
from platform_probe.tell.posting import MonitorAddress
from platform_probe.tell.support.rows import Row
from platform_probe.texts.catalogue import LANGUAGES, Say, say_in
from platform_probe.texts.spoken_error import problem_texts
from platform_probe.texts.times import HOUR_S
from platform_probe.web.console.access import Access
from platform_probe.web.console.answers import HEADERS, plain, redirect, static, static_url
from platform_probe.web.console.audit import Audit, AuditError
from platform_probe.web.console.entrance import Entrance, Visit, preferences
from platform_probe.web.console.gathering import failed_within
from platform_probe.web.console.helping import help_templates
from platform_probe.web.console.labelling import Labelling
from platform_probe.web.console.live_list import Live
from platform_probe.web.console.metrics import ConsoleMetrics
from platform_probe.web.console.page_request import (
    Answer,
    Data,
    Page,
    PageRequest,
    Redirect,
    SeriesWanted,
    missing,
    time_of,
)
from platform_probe.web.console.pages import (
    boards,
    entities,
    fleet,
    incident,
    right_here,
    search_results,
    unlock,
    what_if,
)
from platform_probe.web.console.person import Person
from platform_probe.web.console.plates import PlateFile
from platform_probe.web.console.prometheus import Prometheus, SeriesQuestion
from platform_probe.web.console.provider import Provider
from platform_probe.web.console.rendering import render
from platform_probe.web.console.sealed import Seal
from platform_probe.web.console.search import url_of
from platform_probe.web.console.sign_in import SignIn
from platform_probe.web.console.snapshot import Looking, Snapshot
from platform_probe.web.console.what_if import WhatIfs
from platform_probe.web.console.workers import RETRY_AFTER_S, BusyError, Workers

CONNECTION_S: Final = 30.0
ANSWER_S: Final = 70.0
"""A question to the store ends after a minute."""
MAX_BODY_BYTES: Final = 65_536
"""A board, as a form sends it."""
NOT_FOUND: Final = 404
SERVER_ERROR: Final = 500
PageMaker = Callable[[PageRequest, str], Answer]
Unfinished = tuple[Sequence[SeriesQuestion], Callable[[Sequence[Rows | ConfigError]], HttpResponse]]
"""Questions to Prometheus, and what makes the answer of a request of their answers."""
_PAGES: Final[Mapping[str, PageMaker]] = {
    "": search_results.start_page,
    "search": search_results.search_page,
    "time": entities.time_page,
    "incidents": incident.incidents_page,
    "fleet": fleet.fleet_page,
    "oncall": fleet.oncall_page,
    "support": fleet.role_page,
    "mobile": fleet.role_page,
    "qa": fleet.qa_page,
    "cto": fleet.cto_page,
    "boards": boards.boards_page,
    "right": right_here.right_page,
}
"""Pages by their path."""
_THINGS: Final[Mapping[str, PageMaker]] = {
    "unlock": unlock.unlock_page,
    "car": entities.car_page,
    "customer": entities.customer_page,
    "customer-of": entities.customer_of_page,
    "booking": entities.booking_page,
    "cause": entities.cause_page,
    "mode": entities.mode_page,
    "incident": incident.incident_page,
    "what-if": what_if.what_if_page,
    "squad": fleet.squad_page,
    "board": boards.board_page,
}
"""Pages of things: the path names the thing after them."""
_FORMS: Final = {"board": boards.change_board, "what-if": what_if.start_what_if}
"""Handlers of forms, by the first part of their path; the rest names the thing."""


class Console:
    """Answers requests. Make it where the event loop runs."""

    def __init__(
        self,
        directory: Path,
        settings: ConsoleSettings,
        zone: tzinfo,
        *,
        audit_file: Path,
        trouble: Callable[[str], None],
        monitor: MonitorAddress | None = None,
    ) -> None:
        """Open what is there; `trouble` gets later errors, also from threads.

        `monitor` writes to the store, and takes labels.

        Raises `ConfigError` for what cannot be read.
        """
        self._tell_trouble = trouble
        self._settings = settings
        self._zone = zone
        self._metrics = ConsoleMetrics()
        self._plates = PlateFile(settings.plates_file)
        self._audit = Audit(audit_file)
        self._boards = BoardFolder(settings.boards_dir)
        seal = Seal(is_https=(settings.public_url or "").startswith("https://"))
        self._access = Access(settings, seal)
        self._service = self._sign_in_service(seal)
        self._looking = Looking(
            directory, memory_mib=settings.memory_mib, threads=settings.threads
        )  # last of what can fail: it makes a directory
        self._workers = Workers()
        self._prometheus = Prometheus(settings.prometheus_url)
        self._entrance = Entrance(
            self._access,
            self._audit,
            self._metrics,
            service=self._service,
            labelling=Labelling(self._looking, self._workers, directory, monitor),
            zone=zone,
            things=frozenset(_THINGS),
            trouble=self._trouble,
        )
        self._what_ifs = WhatIfs(directory, monitor)
        self._live = Live(self._latest_failures)
        self._watch_what_is_shown()
        self._keeping = (
            None if self._service is None else asyncio.create_task(self._service.provider.keep())
        )
        help_templates()

    def _sign_in_service(self, seal: Seal) -> SignIn | None:
        settings, public_url = self._settings.oidc, self._settings.public_url
        if settings is None or public_url is None:
            return None

        def on_change(problem: str | None) -> None:
            if problem is not None:
                self._trouble("provider", f"sign-in: {settings.issuer} {problem}")

        provider = Provider(settings, on_change)
        return SignIn(settings, provider, seal, public_url=public_url)

    def _watch_what_is_shown(self) -> None:
        service = self._service
        self._metrics.watch(
            watchers=lambda: self._live.watchers,
            ahead_s=lambda: self._looking.ahead_s,
            provider_up=None if service is None else lambda: service.provider.problem is None,
        )

    def server(self) -> HttpServer:
        """Return the server of these pages; `start` lets it listen."""
        return HttpServer(
            self.answer,
            connection_s=CONNECTION_S,
            answer_s=ANSWER_S,
            max_body_bytes=MAX_BODY_BYTES,
            on_defect=self._note_defect,
        )

    async def close(self) -> None:
        """Close all connections and resources."""
        if self._keeping is not None and self._service is not None:
            self._keeping.cancel()
            with suppress(asyncio.CancelledError):
                await self._keeping
            await self._service.provider.close()
        await self._what_ifs.close()
        await self._live.close()
        await self._prometheus.close()
        self._workers.close()
        self._looking.close()

    async def answer(self, request: HttpRequest) -> HttpResponse | HttpStream:
        """Answer a request."""
        if not self._access.is_our_host(request):
            return plain(421, "421: this name is not of this console")
        if request.method not in ("GET", "HEAD", "POST"):
            return plain(405, "405: method not allowed", Allow="GET, HEAD, POST")
        first, _, rest = request.path.strip("/").partition("/")
        if first == "static":
            return static(rest)
        if request.path == "/healthz":
            return plain(200, "ok")
        if request.path == "/metrics":
            return HttpResponse(200, *self._metrics.page(), headers=HEADERS)
        began_s = time.monotonic()
        answer = await self._answer(self._entrance.visit(request), first, rest)
        is_page = isinstance(answer, HttpResponse) and first != "login"
        self._metrics.count_answer(answer.status, time.monotonic() - began_s if is_page else None)
        return answer

    async def _answer(self, visit: Visit, first: str, rest: str) -> HttpResponse | HttpStream:
        try:
            if visit.request.method == "POST":
                return await self._post(visit, first, rest)
            return await self._get(visit, first, rest)
        except BusyError:
            problem = self._entrance.problem(visit, 503, "problem.busy")
            return problem._replace(headers={**HEADERS, "Retry-After": str(RETRY_AFTER_S)})
        except AuditError as error:
            self._trouble("audit", f"audit log: {error}")
            return self._entrance.problem(visit, 503, "problem.audit")
        except OSError as error:
            self._trouble("store", f"store: {error}")
            return self._entrance.problem(visit, 503, "problem.store")
        except Exception as error:  # noqa: BLE001 - a defect of ours; the others go on
            place = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{Path(place.filename).name}:{place.lineno}"
            told = f"{visit.request.path}: {type(error).__name__}: {error} ({where})"
            self._trouble("defect", told)
            return self._entrance.problem(visit, 500, "problem.defect")

    def _note_defect(self, error: BaseException) -> None:
        """Count what went wrong outside of a page."""
        self._metrics.count_answer(SERVER_ERROR, None)
        self._trouble("defect", f"{type(error).__name__}: {error}")

    def _trouble(self, what: str, problem: str) -> None:
        self._metrics.troubles[what].inc()
        self._tell_trouble(problem)

    # Pages

    async def _post(self, visit: Visit, first: str, rest: str) -> HttpResponse:
        if first not in _FORMS or visit.person is None:
            return await self._entrance.post(visit, first)
        form = await self._entrance.form(visit, first)
        if isinstance(form, HttpResponse):
            return form
        page = partial(_FORMS[first], form=form)
        return await self._page(visit, visit.person, page, rest)

    async def _get(self, visit: Visit, first: str, rest: str) -> HttpResponse | HttpStream:
        if first == "login":
            return await self._entrance.get(visit, rest)
        if first == "preferences":
            return preferences(visit)
        if first == "shared":
            return await self._page(visit, boards.LINK, boards.shared_page, rest)
        if visit.person is None:
            return self._entrance.ask_who(visit)
        if first == "live":
            return self._watch(visit)
        return await self._page(visit, visit.person, self._page_of(first, rest), rest)

    async def _page(self, visit: Visit, person: Person, page: PageMaker, rest: str) -> HttpResponse:
        made = await self._workers.run(partial(self._make_page, visit, person, page, rest))
        if isinstance(made, HttpResponse):
            return made
        questions, finish = made
        answers = await self._prometheus.ask(questions)
        return await self._workers.run(partial(finish, answers))

    def _page_of(self, first: str, rest: str) -> PageMaker:
        if rest and first in _THINGS:
            return _THINGS[first]
        if not rest and first in _PAGES:
            return _PAGES[first]
        return lambda asked, _: missing("page", asked.path)

    def _make_page(
        self, visit: Visit, person: Person, page: PageMaker, rest: str
    ) -> HttpResponse | Unfinished:
        """Make a page, in a thread."""

        def work(snapshot: Snapshot) -> tuple[PageRequest, Answer]:
            asked = self._page_request(visit, person, snapshot)
            try:
                return asked, page(asked, rest)
            except ConfigError as error:
                return asked, Page("problem.html", {"problems": problem_texts(error)}, 400)

        asked, answer = self._looking.read(work)
        is_missing = isinstance(answer, Page) and answer.status == NOT_FOUND
        if is_missing and self._looking.has_newer(asked.snapshot):  # it may be as new as that
            asked, answer = self._looking.read(work)
        remote = visit.request.remote
        if isinstance(answer, SeriesWanted):
            finish = answer.finish
            return answer.questions, lambda found: self._response(asked, finish(found), remote)
        return self._response(asked, answer, remote)

    def _page_request(self, visit: Visit, person: Person, snapshot: Snapshot) -> PageRequest:
        plates = self._plates.plates()
        return PageRequest(
            path=visit.request.path,
            query=visit.query,
            person=person,
            say=say_in(visit.language),
            language=visit.language,
            theme=visit.theme,
            zone=self._zone,
            snapshot=snapshot,
            settings=self._settings,
            plates=plates.cars,
            plate_of=plates.by_car,
            form_token=self._access.form_token(person),
            boards=self._boards,
            what_ifs=self._what_ifs,
            note=lambda action, **what: self._audit.note(
                person, action, visit.request.remote, **what
            ),
        )

    def _response(
        self, asked: PageRequest, answer: Page | Redirect | Data, remote: str
    ) -> HttpResponse:
        if isinstance(answer, Redirect):
            return redirect(answer.url)
        if answer.look is not None:
            kind, name = answer.look
            shown = "search" if kind == "search" else "look"
            self._audit.note(asked.person, shown, remote, kind=kind, id=name)
        if isinstance(answer, Data):
            body = msgspec.json.format(msgspec.json.encode(answer.value, enc_hook=str)) + b"\n"
            return HttpResponse(200, body, JSON, HEADERS)
        body = render(
            answer.template,
            asked=asked,
            say=asked.say,
            languages=LANGUAGES,
            static=static_url,
            url_of=url_of,
            here=_here(asked),
            **answer.values,
        ).encode()
        return HttpResponse(answer.status, body, HTML, HEADERS)

    def _watch(self, visit: Visit) -> HttpResponse | HttpStream:
        if self._live.is_full:
            return self._entrance.problem(visit, 503, "problem.watchers")
        say, zone = say_in(visit.language), self._zone
        events = self._live.events(lambda row: live_row(row, say, zone))
        allowed = self._while_let_in(visit.request, events)
        return HttpStream(200, allowed, "text/event-stream", HEADERS)

    async def _while_let_in(
        self, request: HttpRequest, events: AsyncGenerator[bytes]
    ) -> AsyncIterator[bytes]:
        """Yield events until the session of who watches has ended."""
        async with aclosing(events):
            async for event in events:
                if self._access.person(request) is None:
                    return
                yield event

    async def _latest_failures(self) -> Sequence[Row]:
        def latest() -> Sequence[Row]:
            return self._looking.read_newest(
                lambda now: failed_within(now, (now.newest_s - HOUR_S, now.newest_s)).rows
            )

        return await self._workers.run(latest)


def live_row(row: Row, say: Say, zone: tzinfo) -> Mapping[str, Any]:
    """Return what the live list shows of a failure: no customer."""
    names = ("attempt_id", "vehicle_id", "cause", "outcome", "region", "operator", "firmware")
    return {
        **{name: row[name] for name in names},
        "at": time_of(row["started_at"], zone),
        "ended": say(f"ended.{row['outcome']}"),
        "cause_said": say(f"cause.{row['cause']}"),
    }


def _here(asked: PageRequest) -> str:
    """Return the address of the page that is shown."""
    return quote(asked.path) + (f"?{urlencode(asked.query)}" if asked.query else "")
