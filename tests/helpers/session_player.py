"""Plays transcripts of people at a console: what they ask over HTTP, and what it answers."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlencode

import msgspec
import pytest

from platform_probe.store.writer import held_by_monitor
from platform_probe.web.console import provider, what_if
from platform_probe.web.console.tokens import token_hash
from tests.helpers.console_doors import Door, a_door, sent_back
from tests.helpers.console_pages import lines_of
from tests.helpers.consoles import Got, Visitor, looks_in, metric, served
from tests.helpers.oidc_provider import OidcProvider
from tests.helpers.store_player import shared_store
from tests.helpers.stores import copy_of_store, selected
from tests.helpers.transcripts import DETAIL, TellerAtHome
from tests.helpers.waiting import wait_for
from tests.helpers.what_ifs import made_what_if

_FORM: Final = r'<form[^>]* action="{}".*?</form>'
_TIMES: Final = ("at", "until")
"""What of a line of the audit log differs each time."""
_HIDDEN: Final = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)">')


_PLAYS: Final = """
import pathlib, sys, time
folder = pathlib.Path(sys.argv[1])
print("5 of 20 runs", file=sys.stderr, flush=True)
while not (folder / "go").exists():
    time.sleep(0.02)
(folder / "asked").write_text(" ".join(sys.argv[2:]))
print((folder / "result.json").read_text())
"""


@dataclass
class SessionPlayer(TellerAtHome):
    """A console with a store in which everything has happened once, and people with browsers.

    `people NAME:ROLE[:TOKEN]...` writes the file of tokens; without it nobody is asked who they
    are. `settings NAME=JSON` and `provider NAME=JSON` hold from the first request on, and later
    ones change the provider alone. `own_store` takes a copy of the store to write into.

    `get NAME PATH` shows status and address, `post` sends the form of a page with its hidden
    fields. `html=` shows what matches of a page, and `lines=` its lines. Words with a capital
    letter are headers. `HOME` is a directory, `LINK` the last address that was shared, and `HUGE`
    a long text.
    """

    visitors: dict[str, Visitor] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    oidc: dict[str, Any] | None = None
    link: str = ""
    shown: int = 0
    """So many lines of the audit log were shown."""
    returns: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Take the store that everybody looks at."""
        super().__post_init__()
        self.store = shared_store("console")
        self.audit = self.home / "audit.jsonl"
        self._stack = ExitStack()

    def close(self) -> None:
        """End the console."""
        self._stack.close()

    @cached_property
    def door(self) -> Door:
        """The console, which begins to serve when somebody asks it for something."""
        if self.oidc is None:
            url = self._stack.enter_context(served(self.store, self.audit, **self.settings))
            return Door(url, OidcProvider("nobody", ""), self.audit)
        opened = a_door(self.store, self.home, oidc=self.oidc, **self.settings)
        return self._stack.enter_context(opened)

    def _do_people(self, *people: str) -> None:
        lines = []
        for one in people:
            name, role, *token = one.split(":")
            self.tokens[name] = token[0] if token else f"token of {name}"
            lines.append(f"{name} {role} {token_hash(self.tokens[name])}\n")
        self._do_file("tokens.txt", "".join(lines))
        self.settings["tokens_file"] = str(self.home / "tokens.txt")

    def _do_file(self, name: str, text: str) -> None:
        """Write a file into `HOME`; a backslash and an n end a line."""
        path = self.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace("\\n", "\n"), encoding="utf-8")

    def _do_settings(self, **changes: Any) -> None:
        self.settings |= {name: self._decoded(value) for name, value in changes.items()}

    def _do_provider(self, **changes: Any) -> None:
        """Let people sign in at a provider; what it is and says stands in `OidcProvider`."""
        if self.oidc is None:
            self.oidc = {}
        for name, value in changes.items():
            if name in ("groups_claim", "client_secret_file"):
                self.oidc[name] = value
            else:
                setattr(self.door.provider, name, self._decoded(value))

    def _do_impatient(self) -> None:
        """Let the console ask the provider all the time whether it is there."""
        patch = self._stack.enter_context(pytest.MonkeyPatch.context())
        patch.setattr(provider, "ASKED_S", 0.0)
        patch.setattr(provider, "EVERY_S", 0.02)

    def _do_wait(self, series: str, value: float) -> None:
        """Wait until a metric has a value."""
        wait_for(lambda: metric(self.door.visitor(), series) == value)

    def _do_what_ifs(self, problem: str = "") -> None:
        """Let a program play what-ifs once there is a file `go`, or end at once with a problem."""
        (self.home / "result.json").write_bytes(msgspec.json.encode(made_what_if()))
        program = f"raise SystemExit({problem!r})" if problem else _PLAYS
        patch = self._stack.enter_context(pytest.MonkeyPatch.context())
        command = (sys.executable, "-c", program, str(self.home))
        patch.setattr(what_if, "COMMAND", command)

    def _do_until(self, name: str, path: str, html: str) -> None:
        """Look at a page until something stands on it."""
        wait_for(lambda: re.search(html, self._visitor(name).get(self._path(path)).text))

    def _do_own_store(self) -> None:
        self.store = copy_of_store(self.store, self.home / "store")

    def _do_monitor(self) -> None:
        """Let a monitor write to the store from now on."""
        self._stack.enter_context(held_by_monitor(self.store))

    def _visitor(self, name: str) -> Visitor:
        return self.visitors.setdefault(name, self.door.visitor())

    def _do_language(self, name: str, language: str) -> None:
        self._visitor(name).headers["Accept-Language"] = language

    def _do_copy(self, name: str, copy: str) -> None:
        """Give somebody the cookies that another one has now."""
        self._visitor(copy).cookies = dict(self._visitor(name).cookies)

    def _do_login(
        self, name: str, *, back: str = "/", html: str = "", times: int = 1, **said: Any
    ) -> None:
        token = str(said["token"] if "token" in said else self.tokens[said.get("with", name)])
        visitor = self._visitor(name)
        for _ in range(times):
            fields = {"token": token, "back": back, "form_token": visitor.form_token()}
            got = visitor.post("/login", fields)
        self._show(name, got, html=html)

    def _do_sign_in(self, name: str, path: str = "/login/begin") -> None:
        """Go to the provider and come back."""
        self._do_begin(name, path)
        self._do_return(name)

    def _do_begin(self, name: str, path: str = "/login/begin") -> None:
        """Go to the provider, and do not come back yet."""
        self.returns[name] = sent_back(self.door, self._visitor(name), path)

    def _do_return(self, name: str, of: str = "", html: str = "", **changes: Any) -> None:
        """Come back from the provider, with the address that it gave to somebody, or another."""
        path, _, query = self.returns[of or name].partition("?")
        fields = {**dict(parse_qsl(query)), **{key: str(one) for key, one in changes.items()}}
        self._show(name, self._visitor(name).get(f"{path}?{urlencode(fields)}"), html=html)

    def _do_get(
        self, name: str, path: str, lines: str = "", *, html: str = "", times: int = 1, **more: Any
    ) -> None:
        """Get a page, so many times, with these headers, and show what came last."""
        headers = {key: str(value) for key, value in more.items()}
        for _ in range(times):
            got = self._visitor(name).get(self._path(path), **headers)
        self._show(name, got, lines, html=html)

    def _do_post(
        self,
        name: str,
        path: str,
        *,
        on: str = "/",
        lines: str = "",
        html: str = "",
        **words: Any,
    ) -> None:
        """Send a form as it stands `on` a page, with other values."""
        visitor = self._visitor(name)
        page = visitor.get(on).text
        form = re.search(_FORM.format(re.escape(path)), page, re.DOTALL)
        hidden = dict(_HIDDEN.findall(form.group() if form else page))
        fields = {"form_token": hidden["form_token"]} if not form and hidden else hidden
        said = {key: str(value).replace("\\n", "\n") for key, value in words.items()}
        headers = {key: value for key, value in said.items() if key[0].isupper()}
        fields |= {key: value for key, value in said.items() if key not in headers}
        got = visitor.post(self._path(path), fields, **headers)
        self.link = "".join(re.findall(r'<a href="(/shared/[^"]*)', got.text)) or self.link
        self._show(name, got, lines, html=html)

    def _show(self, name: str, got: Got, lines: str = "", *, html: str = "") -> None:
        self.told.append(f"{name}: {got.status} {got.location}".rstrip())
        page = got.text.replace(str(self.home), "HOME")
        if html:  # as it was sent
            self._detail(" ".join(one.group().split()) for one in re.finditer(html, page))
        if lines:
            self._detail(line for line in lines_of(page) if re.search(lines, line))

    def _detail(self, lines: Iterable[str]) -> None:
        self.told += [DETAIL + line for line in lines]

    def _do_audit(self, actions: str = "") -> None:
        """Show what was written into the audit log since it was shown last."""
        looks = looks_in(self.audit) if self.audit.exists() else []
        already, self.shown = self.shown, len(looks)
        for line in looks[already:]:
            its = {
                key: value for key, value in line.items() if key not in _TIMES and value is not None
            }
            if re.search(actions, its["action"]):
                words = [f"{key}={value}" for key, value in its.items() if key != "action"]
                told = " ".join([f"{its['action']}:", *words])
                self.told.append(told.replace(self.door.provider.url, "PROVIDER"))

    def _do_metric(self, series: str) -> None:
        self.told.append(f"{series}: {metric(self.door.visitor(), series):g}")

    def _do_select(self, sql: str) -> None:
        """Show the rows that a question finds in the store."""
        self.told += [", ".join(map(str, row)) for row in selected(self.store, sql)] or ["no rows"]

    def _do_read(self, name: str) -> None:
        """Show what a file in `HOME` has in it, or that there is none."""
        path = self.home / name
        text = path.read_text("utf-8") if path.exists() else "no such file"
        self.told += text.replace(str(self.store), "STORE").splitlines()

    def _path(self, path: str) -> str:
        return quote(path.replace("LINK", self.link), safe="/?=&%:+<>'(),")

    def _decoded(self, value: Any) -> Any:
        text = str(value).replace("HOME", str(self.home)).replace("HUGE", "x" * 1_100_000)
        if text[:1] in ("{", "[", '"'):
            return msgspec.json.decode(text)
        return text if isinstance(value, str) else value
