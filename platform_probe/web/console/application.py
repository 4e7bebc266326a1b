"""The console itself: answers requests with pages, and says who may have them.

The event loop only takes requests and hands out answers. Pages are made by threads.
"""

from __future__ import annotations

import hashlib
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from functools import cache, partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlencode

import msgspec

from fleet_wire.errors import ConfigError
from fleet_wire.web.exchange import (
    HTML,
    JSON,
    BodyTooLargeError,
    HttpRequest,
    HttpResponse,
    HttpStream,
    UnreadableBodyError,
)
from fleet_wire.web.server import HttpServer
from platform_probe.console_settings import ConsoleSettings
from platform_probe.support.rows import Row
from platform_probe.support.times import HOUR_S
from platform_probe.web.console.access import Access, Person, cookie
from platform_probe.web.console.asked import (
    Answer,
    Asked,
    Data,
    Elsewhere,
    Shown,
    missing,
    time_of,
)
from platform_probe.web.console.audit import Audit, AuditError
from platform_probe.web.console.gathering import failed_within
from platform_probe.web.console.helping import help_templates
from platform_probe.web.console.live_list import Live
from platform_probe.web.console.pages import fleet, found, incident, things, unlock
from platform_probe.web.console.plates import Plates
from platform_probe.web.console.rendering import render
from platform_probe.web.console.search import url_of
from platform_probe.web.console.snapshot import Looking, Snapshot
from platform_probe.web.console.texts import LANGUAGES, Say, language_of, say_in
from platform_probe.web.console.workers import RETRY_AFTER_S, BusyError, Workers

CONNECTION_S: Final = 30.0
ANSWER_S: Final = 70.0
"""A question to the store ends after a minute."""
MAX_BODY_BYTES: Final = 8_192
MAX_QUERY: Final = 2_000
MAX_REASON: Final = 200
NOT_FOUND: Final = 404
_FOLDER: Final = Path(__file__).parent / "static"
_STATIC: Final = {
    "console.css": "text/css; charset=utf-8",
    "console.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
_LOOKS_S: Final = 365 * 86_400
HEADERS: Final = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'self';"
    " frame-ancestors 'none'; object-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
Page = Callable[[Asked, str], Answer]
_PAGES: Final[Mapping[str, Page]] = {
    "": found.start_page,
    "search": found.search_page,
    "time": things.time_page,
    "incidents": incident.incidents_page,
    "fleet": fleet.fleet_page,
    "oncall": fleet.oncall_page,
    "support": fleet.support_page,
    "mobile": fleet.mobile_page,
    "qa": fleet.qa_page,
    "cto": fleet.cto_page,
}
"""Pages by their path."""
_THINGS: Final[Mapping[str, Page]] = {
    "unlock": unlock.unlock_page,
    "car": things.car_page,
    "customer": things.customer_page,
    "customer-of": things.customer_of_page,
    "booking": things.booking_page,
    "cause": things.cause_page,
    "mode": things.mode_page,
    "incident": incident.incident_page,
    "squad": fleet.squad_page,
}
"""Pages of things: the path names the thing after them."""


@dataclass(frozen=True, slots=True)
class _Visit:
    """A request, and who makes it in which language."""

    request: HttpRequest
    person: Person | None
    language: str
    theme: str

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(self.request.query[:MAX_QUERY]))


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
    ) -> None:
        """Open what is there; `trouble` is told what goes wrong later, also by threads.

        Raises `ConfigError` for what cannot be read.
        """
        self._trouble = trouble
        self._settings = settings
        self._zone = zone
        self._looking = Looking(directory)
        self._plates = Plates(settings.plates_file)
        self._access = Access(settings)
        self._audit = Audit(audit_file)
        self._workers = Workers()
        self._live = Live(self._latest_failures)
        help_templates()

    def server(self) -> HttpServer:
        """Return the server of these pages; `start` lets it listen."""
        return HttpServer(
            self.answer,
            connection_s=CONNECTION_S,
            answer_s=ANSWER_S,
            max_body_bytes=MAX_BODY_BYTES,
        )

    async def close(self) -> None:
        """Let everybody and everything go."""
        await self._live.close()
        self._workers.close()
        self._looking.close()

    async def answer(self, request: HttpRequest) -> HttpResponse | HttpStream:
        """Answer a request."""
        if not self._access.is_our_host(request):
            return _plain(421, "421: this name is not of this console")
        if request.method not in ("GET", "HEAD", "POST"):
            return _plain(405, "405: method not allowed", Allow="GET, HEAD, POST")
        first, _, rest = request.path.strip("/").partition("/")
        if first == "static":
            return _static(rest)
        if first == "healthz":
            return _plain(200, "ok")
        return await self._answer(self._visit(request), first, rest)

    async def _answer(self, visit: _Visit, first: str, rest: str) -> HttpResponse | HttpStream:
        try:
            if visit.request.method == "POST":
                return await self._post(visit, first)
            return await self._get(visit, first, rest)
        except BusyError:
            return self._problem(visit, 503, "problem.busy", {"Retry-After": str(RETRY_AFTER_S)})
        except AuditError as error:
            self._trouble(f"audit log: {error}")
            return self._problem(visit, 503, "problem.audit")
        except OSError as error:
            self._trouble(f"store: {error}")
            return self._problem(visit, 503, "problem.store")
        except Exception as error:  # noqa: BLE001 - a defect of ours; the others go on
            place = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{Path(place.filename).name}:{place.lineno}"
            self._trouble(f"{visit.request.path}: {type(error).__name__}: {error} ({where})")
            return self._problem(visit, 500, "problem.defect")

    # Pages

    async def _get(self, visit: _Visit, first: str, rest: str) -> HttpResponse | HttpStream:
        if first == "login":
            return self._login_page(visit)
        if first == "preferences":
            return _preferences(visit)
        if visit.person is None:
            if not self._access.is_patient_with(visit.request.remote):
                return self._problem(visit, 429, "problem.patience")
            return self._ask_who(visit)
        if first == "live":
            return self._watch(visit)
        page = self._page_of(first, rest)
        work = partial(self._made, visit, visit.person, page, rest)
        return await self._workers.run(work)

    def _page_of(self, first: str, rest: str) -> Page:
        if rest and first in _THINGS:
            return _THINGS[first]
        if not rest and first in _PAGES:
            return _PAGES[first]
        return lambda asked, _: missing("page", asked.path)

    def _made(self, visit: _Visit, person: Person, page: Page, rest: str) -> HttpResponse:
        """Make a page, in a thread."""

        def work(snapshot: Snapshot) -> tuple[Asked, Answer]:
            asked = self._asked(visit, person, snapshot)
            try:
                return asked, page(asked, rest)
            except ConfigError as error:
                return asked, Shown("problem.html", {"problem": str(error)}, 400)

        asked, answer = self._looking.read(work)
        if isinstance(answer, Shown) and answer.status == NOT_FOUND:  # it may be as new as that
            asked, answer = self._looking.read_newest(work)
        return self._response(asked, answer, visit.request.remote)

    def _asked(self, visit: _Visit, person: Person, snapshot: Snapshot) -> Asked:
        return Asked(
            path=visit.request.path,
            query=visit.query,
            person=person,
            say=say_in(visit.language),
            language=visit.language,
            theme=visit.theme,
            zone=self._zone,
            snapshot=snapshot,
            settings=self._settings,
            plates=self._plates.cars(),
            plate_of=self._plates.by_car(),
            form_token=self._access.form_token(person),
        )

    def _response(self, asked: Asked, answer: Answer, remote: str) -> HttpResponse:
        if isinstance(answer, Elsewhere):
            return _redirect(answer.url)
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
            static=_static_url,
            url_of=url_of,
            here=_here(asked),
            **answer.values,
        ).encode()
        return HttpResponse(answer.status, body, HTML, HEADERS)

    def _watch(self, visit: _Visit) -> HttpResponse | HttpStream:
        if self._live.is_full:
            return self._problem(visit, 503, "problem.watchers")
        say, zone = say_in(visit.language), self._zone
        events = self._live.events(lambda row: live_row(row, say, zone))
        return HttpStream(200, events, "text/event-stream", HEADERS)

    async def _latest_failures(self) -> Sequence[Row]:
        def latest() -> Sequence[Row]:
            return self._looking.read_newest(
                lambda now: failed_within(now, now.newest_s - HOUR_S, now.newest_s)
            )

        return await self._workers.run(latest)

    # Who it is

    def _visit(self, request: HttpRequest) -> _Visit:
        accepted = request.headers.get("Accept-Language", "")
        theme = cookie(request, "theme")
        return _Visit(
            request,
            self._access.person(request),
            language_of(cookie(request, "language"), accepted),
            theme if theme in ("light", "dark") else "",
        )

    def _ask_who(self, visit: _Visit) -> HttpResponse:
        if not self._access.has_tokens:
            return self._problem(visit, 403, "problem.proxy")
        if "text/html" not in visit.request.headers.get("Accept", "text/html"):
            headers = HEADERS | {"WWW-Authenticate": "Bearer"}
            return HttpResponse(401, b"401: a token, please\n", headers=headers)
        back = visit.request.path
        if visit.request.query:
            back += f"?{visit.request.query}"
        return _redirect(f"/login?{urlencode({'back': back})}")

    def _login_page(self, visit: _Visit, problem: str | None = None) -> HttpResponse:
        if not self._access.has_tokens:
            return _redirect("/")
        values = {"problem": problem, "back": _safe(visit.query.get("back", "/"))}
        return self._small(visit, "login.html", 200 if problem is None else 403, values)

    def _problem(
        self, visit: _Visit, status: int, key: str, headers: Mapping[str, str] | None = None
    ) -> HttpResponse:
        values = {"problem": say_in(visit.language)(key)}
        small = self._small(visit, "small_problem.html", status, values)
        return small._replace(headers={**small.headers, **(headers or {})})

    def _small(
        self, visit: _Visit, template: str, status: int, values: Mapping[str, Any]
    ) -> HttpResponse:
        """Return a page that shows nothing of the records."""
        body = render(
            template,
            say=say_in(visit.language),
            language=visit.language,
            theme=visit.theme,
            static=_static_url,
            form_token=self._access.form_token(None),
            **values,
        ).encode()
        return HttpResponse(status, body, HTML, HEADERS)

    # Forms

    async def _post(self, visit: _Visit, path: str) -> HttpResponse:
        request = visit.request
        try:
            form = dict(parse_qsl((await request.body()).decode("utf-8", "replace")))
        except (BodyTooLargeError, UnreadableBodyError):
            return self._problem(visit, 413, "problem.body")
        person = None if path == "login" else visit.person
        if not self._access.is_our_form(request, person, form.get("form_token", "")):
            self._audit.note(visit.person, "refused", request.remote, form=path)
            return self._problem(visit, 403, "problem.form")
        if path == "login":
            return self._log_in(visit, form)
        return self._act(visit, path, form)

    def _act(self, visit: _Visit, path: str, form: Mapping[str, str]) -> HttpResponse:
        request = visit.request
        if visit.person is None:
            return self._ask_who(visit)
        if path == "logout":
            self._audit.note(visit.person, "logout", request.remote)
            return _redirect("/", self._access.logged_out())
        if path == "unmask":
            return self._unmask(visit, visit.person, form)
        return self._problem(visit, 404, "problem.nothing_here")

    def _log_in(self, visit: _Visit, form: Mapping[str, str]) -> HttpResponse:
        remote = visit.request.remote
        if not self._access.is_patient_with(remote):
            return self._problem(visit, 429, "problem.patience")
        done = self._access.log_in(form.get("token", ""), remote)
        if done is None:
            self._audit.note(None, "login_failed", remote)
            return self._login_page(visit, say_in(visit.language)("login.wrong"))
        person, session = done
        self._audit.note(person, "login", remote)
        return _redirect(_safe(form.get("back", "/")), session)

    def _unmask(self, visit: _Visit, person: Person, form: Mapping[str, str]) -> HttpResponse:
        thing, reason = form.get("thing", ""), form.get("reason", "").strip()[:MAX_REASON]
        kind, _, name = thing.partition("/")
        if kind not in _THINGS or not name or not reason:
            return self._problem(visit, 400, "problem.reason")
        remote = visit.request.remote
        self._audit.note(person, "unmask", remote, kind=kind, id=name, reason=reason)
        session = self._access.unmasked(visit.request, person.name, thing)
        return _redirect(_safe(form.get("back", "/")), session)


def live_row(row: Row, say: Say, zone: tzinfo) -> Mapping[str, Any]:
    """Return what the live list shows of a failure: no customer."""
    names = ("attempt_id", "vehicle_id", "cause", "outcome", "region", "operator", "firmware")
    return {
        **{name: row[name] for name in names},
        "at": time_of(row["started_at"], zone),
        "ended": say(f"ended.{row['outcome']}"),
        "cause_said": say(f"cause.{row['cause']}"),
    }


def _here(asked: Asked) -> str:
    """Return the address of the page that is shown."""
    return quote(asked.path) + (f"?{urlencode(asked.query)}" if asked.query else "")


def _safe(url: str) -> str:
    """Return an address of this console; the start page for any other."""
    is_ours = url.startswith("/") and not url.startswith("//") and "\\" not in url
    return url if is_ours and url.isprintable() else "/"


def _redirect(url: str, set_cookie: str | None = None) -> HttpResponse:
    headers = {**HEADERS, "Location": url}
    if set_cookie is not None:
        headers["Set-Cookie"] = set_cookie
    return HttpResponse(303, b"", headers=headers)


def _preferences(visit: _Visit) -> HttpResponse:
    """Keep a language or a theme, and go back."""
    query = visit.query
    back = _safe(query.get("back", "/"))
    for name, allowed in (("language", LANGUAGES), ("theme", ("light", "dark", "auto"))):
        if query.get(name) in allowed:
            value = f"{name}={query[name]}; Path=/; Max-Age={_LOOKS_S}; SameSite=Lax; HttpOnly"
            return _redirect(back, value)
    return _redirect(back)


def _plain(status: int, text: str, **headers: str) -> HttpResponse:
    return HttpResponse(status, f"{text}\n".encode(), headers=HEADERS | headers)


@cache
def _static_file(name: str) -> tuple[bytes, str]:
    content = (_FOLDER / name).read_bytes()
    return content, hashlib.sha256(content).hexdigest()[:12]


def _static_url(name: str) -> str:
    """Return the address of a file that comes with the pages: another one for each content."""
    return f"/static/{_static_file(name)[1]}/{name}"


def _static(rest: str) -> HttpResponse:
    name = rest.rpartition("/")[2]
    if name not in _STATIC:
        return _plain(404, "404: not found")
    lasting = {"Cache-Control": "public, max-age=31536000, immutable"}
    return HttpResponse(200, _static_file(name)[0], _STATIC[name], HEADERS | lasting)
