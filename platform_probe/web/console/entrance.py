"""The entrance of the console: sign-in, sign-out, and reasons for unmasking."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from fleet_wire.errors import ConfigError
from fleet_wire.web.exchange import (
    HTML,
    BodyTooLargeError,
    HttpRequest,
    HttpResponse,
    UnreadableBodyError,
)
from platform_probe.texts.catalogue import LANGUAGES, language_of, say_in
from platform_probe.web.console.access import Access
from platform_probe.web.console.answers import HEADERS, redirect, safe, static_url
from platform_probe.web.console.audit import Audit
from platform_probe.web.console.labelling import Labelling, label_form_of
from platform_probe.web.console.metrics import ConsoleMetrics
from platform_probe.web.console.person import Person
from platform_probe.web.console.provider import ProviderDownError
from platform_probe.web.console.rendering import render
from platform_probe.web.console.sealed import cookie
from platform_probe.web.console.search import url_of
from platform_probe.web.console.sign_in import NotSignedInError, SignIn

MAX_QUERY: Final = 2_000
MAX_ANSWER: Final = 8_000
"""The longest query with which a provider redirects back."""
MAX_REASON: Final = 200
MAX_AT_ONCE: Final = 20
"""The most returning people who are handled together: each makes a request to the provider."""
_LOOKS_S: Final = 365 * 86_400


@dataclass(frozen=True, slots=True)
class Visit:
    """A request, and who makes it in which language."""

    request: HttpRequest
    person: Person | None
    language: str
    theme: str

    @property
    def query(self) -> dict[str, str]:
        """The query after the `?`."""
        return dict(parse_qsl(self.request.query[:MAX_QUERY]))


class Entrance:
    """Answers what has to do with who it is.

    `things` are the kinds whose customer can be shown; `trouble` gets errors and their kind.
    """

    def __init__(
        self,
        access: Access,
        audit: Audit,
        metrics: ConsoleMetrics,
        *,
        service: SignIn | None,
        labelling: Labelling,
        zone: tzinfo,
        things: frozenset[str],
        trouble: Callable[[str, str], None],
    ) -> None:
        self._access = access
        self._audit = audit
        self._metrics = metrics
        self._service = service
        self._labelling = labelling
        self._zone = zone
        self._things = things
        self._trouble = trouble
        self._turns = asyncio.Semaphore(MAX_AT_ONCE)

    def visit(self, request: HttpRequest) -> Visit:
        """Return a request with who makes it."""
        accepted = request.headers.get("Accept-Language", "")
        theme = cookie(request, "theme")
        return Visit(
            request,
            self._access.person(request),
            language_of(cookie(request, "language"), accepted),
            theme if theme in ("light", "dark") else "",
        )

    def ask_who(self, visit: Visit) -> HttpResponse:
        """Answer an unidentified person."""
        if not self._access.is_patient_with(visit.request.remote):
            return self.problem(visit, 429, "problem.patience")
        if not self._access.has_tokens and self._service is None:
            return self.problem(visit, 403, "problem.proxy")
        if "text/html" not in visit.request.headers.get("Accept", "text/html"):
            headers = HEADERS | {"WWW-Authenticate": "Bearer"}
            return HttpResponse(401, b"401: a token, please\n", headers=headers)
        back = visit.request.path
        if visit.request.query:
            back += f"?{visit.request.query}"
        return redirect(f"/login?{urlencode({'back': back})}")

    async def get(self, visit: Visit, rest: str) -> HttpResponse:
        """Answer `/login`, and what is below it."""
        if not rest:
            return self._login_page(visit)
        if self._service is None:
            return self.problem(visit, 404, "problem.nothing_here")
        if rest == "begin":
            return await self._start_sign_in(visit, self._service)
        if rest == "return":
            return await self._finish(visit, self._service)
        return self.problem(visit, 404, "problem.nothing_here")

    async def form(self, visit: Visit, path: str) -> dict[str, str] | HttpResponse:
        """Return the fields of a form of ours, or the answer to another. Raises `AuditError`."""
        request = visit.request
        try:
            form = dict(parse_qsl((await request.body()).decode("utf-8", "replace")))
        except (BodyTooLargeError, UnreadableBodyError):
            return self.problem(visit, 413, "problem.body")
        person = None if path == "login" else visit.person
        if not self._access.is_our_form(request, person, form.get("form_token", "")):
            self._audit.note(visit.person, "refused", request.remote, form=path)
            return self.problem(visit, 403, "problem.form")
        return form

    async def post(self, visit: Visit, path: str) -> HttpResponse:
        """Handle a form. Raises `AuditError`."""
        form = await self.form(visit, path)
        if isinstance(form, HttpResponse):
            return form
        if path == "login":
            return self._log_in(visit, form)
        person = visit.person
        return self.ask_who(visit) if person is None else await self._act(visit, person, path, form)

    async def _act(
        self, visit: Visit, person: Person, path: str, form: Mapping[str, str]
    ) -> HttpResponse:
        if path == "logout":
            return self._log_out(visit, person)
        if path == "unmask":
            return self._unmask(visit, person, form)
        if path == "label":
            return await self._label(visit, person, form)
        return self.problem(visit, 404, "problem.nothing_here")

    # Tokens

    def _login_page(
        self,
        visit: Visit,
        problem: str | None = None,
        status: int = 200,
        *,
        back: str | None = None,
        is_of_no_use: bool = False,
    ) -> HttpResponse:
        """Return the page to log in on.

        `back` is where it leads if the address does not say so; `is_of_no_use`: the account at the
        provider may not look.
        """
        if not self._access.has_tokens and self._service is None:
            return redirect("/")
        query, service = visit.query, self._service
        values = {
            "problem": problem,
            "back": safe(query.get("back", back or "/")),
            "has_tokens": self._access.has_tokens,
            "has_service": service is not None,
            "down_since": self._down_since(visit),
            "is_of_no_use": is_of_no_use,
            "has_left": query.get("left") == "1",
            "sign_out_url": service and service.sign_out_url(),
        }
        return self._small(visit, "login.html", status, values)

    def _down_since(self, visit: Visit) -> str | None:
        """Return since when the provider has not answered; None where it does."""
        since = None if self._service is None else self._service.provider.down_since
        if since is None:
            return None
        at = datetime.fromtimestamp(since, self._zone)
        return say_in(visit.language)("signin.down", at=at.strftime("%H:%M:%S"))

    def _log_in(self, visit: Visit, form: Mapping[str, str]) -> HttpResponse:
        remote = visit.request.remote
        if not self._access.is_patient_with(remote):
            self._metrics.sign_ins["token", "impatient"].inc()
            return self.problem(visit, 429, "problem.patience")
        person = self._access.with_token(form.get("token", ""), remote)
        if person is None:
            self._audit.note(None, "login_failed", remote)
            self._metrics.sign_ins["token", "wrong"].inc()
            return self._login_page(visit, say_in(visit.language)("login.wrong"), 403)
        self._audit.note(person, "login", remote)
        self._metrics.sign_ins["token", "let_in"].inc()
        self._access.end_session(visit.request)
        return redirect(safe(form.get("back", "/")), self._access.session_of(person))

    def _log_out(self, visit: Visit, person: Person) -> HttpResponse:
        self._audit.note(person, "logout", visit.request.remote)
        is_elsewhere_too = person.how == "oidc"
        ended = self._access.end_session(visit.request)
        return redirect("/login?left=1" if is_elsewhere_too else "/", *ended)

    # The provider of OpenID Connect

    async def _start_sign_in(self, visit: Visit, service: SignIn) -> HttpResponse:
        try:
            url, kept = await service.start(safe(visit.query.get("back", "/")))
        except ProviderDownError:
            return self._is_down(visit, service)
        return redirect(url, kept)

    async def _finish(self, visit: Visit, service: SignIn) -> HttpResponse:
        async with self._turns:  # those who wait are counted by what became of those before them
            return await self._finished(visit, service)

    async def _finished(self, visit: Visit, service: SignIn) -> HttpResponse:
        remote = visit.request.remote
        if not self._access.is_patient_with(remote):
            self._metrics.sign_ins["oidc", "impatient"].inc()
            return self.problem(visit, 429, "problem.patience")
        answer = dict(parse_qsl(visit.request.query[:MAX_ANSWER]))
        try:
            done = await service.finish(visit.request, answer)
        except ProviderDownError as error:
            self._trouble("provider", f"sign-in: the provider {error}")
            self._audit.note(None, "login_failed", remote, reason=str(error))
            return self._is_down(visit, service)
        except NotSignedInError as error:
            return self._not_let_in(visit, service, error)
        self._audit.note(done.person, "login", remote)
        self._metrics.sign_ins["oidc", "let_in"].inc()
        self._access.end_session(visit.request)
        session = self._access.session_of(done.person, lasts_s=service.session_s)
        return redirect(done.back, session, service.no_cookie())

    def _is_down(self, visit: Visit, service: SignIn) -> HttpResponse:
        self._metrics.sign_ins["oidc", "provider_down"].inc()
        said = say_in(visit.language)("signin.try_later")
        return self._login_page(visit, said, 503, back=service.back_of(visit.request))

    def _not_let_in(self, visit: Visit, service: SignIn, error: NotSignedInError) -> HttpResponse:
        remote, has_no_role = visit.request.remote, error.name is not None
        if error.asked_provider and not has_no_role:  # what costs nobody anything locks nobody out
            self._access.note_wrong(remote)
        about = {"reason": error.reason, "name": error.name, "subject": error.subject}
        self._audit.note(None, "login_failed", remote, **about)
        self._metrics.sign_ins["oidc", "no_role" if has_no_role else "wrong"].inc()
        said = say_in(visit.language)(error.key, name=error.name or "")
        back = service.back_of(visit.request)
        page = self._login_page(visit, said, 403, back=back, is_of_no_use=has_no_role)
        return page._replace(cookies=(service.no_cookie(),))

    # Customers

    def _unmask(self, visit: Visit, person: Person, form: Mapping[str, str]) -> HttpResponse:
        thing, reason = form.get("thing", ""), form.get("reason", "").strip()[:MAX_REASON]
        kind, _, name = thing.partition("/")
        if kind not in self._things or not name or not reason:
            return self.problem(visit, 400, "problem.reason")
        remote = visit.request.remote
        self._audit.note(person, "unmask", remote, kind=kind, id=name, reason=reason)
        kept = self._access.unmasked(visit.request, person.name, thing)
        return redirect(safe(form.get("back", "/")), kept)

    # Labels

    async def _label(self, visit: Visit, person: Person, form: Mapping[str, str]) -> HttpResponse:
        filled = label_form_of(form)
        label = None if filled is None else await self._labelling.label_for(person, filled)
        if label is None:
            return self.problem(visit, 400, "problem.label")
        its = {"id": label.attempt_id, "mode": label.mode, "text": label.text}
        self._audit.note(person, "label", visit.request.remote, kind="unlock", **its)
        try:
            await self._labelling.keep(label)
        except ConfigError as error:
            self._trouble("store", f"store: no label was kept: {error}")
            return self.problem(visit, 503, "problem.label_not_kept")
        return redirect(f"{url_of('unlock', label.attempt_id)}?labelled=1")

    # Pages that show nothing of the records

    def problem(self, visit: Visit, status: int, key: str) -> HttpResponse:
        """Return a page that says what is wrong."""
        values = {"problem": say_in(visit.language)(key)}
        return self._small(visit, "small_problem.html", status, values)

    def _small(
        self, visit: Visit, template: str, status: int, values: Mapping[str, Any]
    ) -> HttpResponse:
        body = render(
            template,
            say=say_in(visit.language),
            language=visit.language,
            theme=visit.theme,
            static=static_url,
            form_token=self._access.form_token(None),
            **values,
        ).encode()
        return HttpResponse(status, body, HTML, HEADERS)


def preferences(visit: Visit) -> HttpResponse:
    """Keep a language or a theme, and go back."""
    query = visit.query
    back = safe(query.get("back", "/"))
    for name, allowed in (("language", LANGUAGES), ("theme", ("light", "dark", "auto"))):
        if query.get(name) in allowed:
            value = f"{name}={query[name]}; Path=/; Max-Age={_LOOKS_S}; SameSite=Lax; HttpOnly"
            return redirect(back, value)
    return redirect(back)
