"""What the API answers, in the text file of this folder."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from fleet_sim.platform.operations import Answer
from fleet_wire.contract.platform_log import decode_event, encode_event
from fleet_wire.contract.problems import PROBLEMS
from fleet_wire.web.exchange import HttpResponse
from tests.helpers.fake_platform import FakePlatform, ServedApi, served_api
from tests.helpers.transcripts import DETAIL, Teller, stories_test

METHODS: Final = ("DELETE", "FOO", "GET", "HEAD", "PATCH", "POST")
SHOWN: Final = (
    "Location", "Retry-After", "Allow", "Accept-Encoding", "WWW-Authenticate", "Preference-Applied",
)  # fmt: skip
"""The headers of an answer that are shown."""


@dataclass
class ApiPlayer(Teller):
    """A phone, and a platform that gives the answer of `answers [STATUS] [problem=SLUG]`.

    A method with a path, a body and headers sends a request. Its answer is shown, what the
    platform was asked, and what the API wrote into the log. `a*9` stands for nine letters.
    """

    platform: FakePlatform = field(default_factory=FakePlatform)
    told: list[str] = field(default_factory=list)

    def verbs(self) -> Mapping[str, Callable[..., object]]:
        """Return the function of each verb."""
        return {
            **super().verbs(),
            **{method: self._sender(method) for method in METHODS},
        }

    def _do_answers(
        self, status: int = 200, *, problem: str = "", body: str = "{}", **its: Any
    ) -> None:
        kind = PROBLEMS[problem] if problem else None
        given = msgspec.json.decode(body) if kind is None else kind.body()
        status = status if kind is None else kind.status
        self.platform.answer = Answer(status=status, body=given, problem=kind, **its)

    def _do_fails(self, text: str) -> None:
        self.platform.error = ZeroDivisionError(text)

    def _sender(self, method: str) -> Callable[..., None]:
        def send(path: str, body: str | None = None, **headers: object) -> None:
            asyncio.run(self._send(method, path, body, headers))

        return send

    async def _send(
        self, method: str, path: str, body: str | None, headers: Mapping[str, object]
    ) -> None:
        self.platform.asked.clear()
        content = None if body is None else _repeated(body).encode("latin-1")
        sent: dict[str, Any] = {
            name.title(): _repeated(str(value))
            for name, value in headers.items()
            if name != "token"
        }
        if headers.get("token") is False:
            sent["token"] = None
        async with served_api(self.platform) as api:
            answer = await api.send(method, _repeated(path), content, **sent)
            self.told += [f"{answer.status} {_text(answer)}", *_details(answer, api)]
        for asked in self.platform.asked:
            its = msgspec.structs.asdict(asked.request)
            said = [f"{name} {value}" for name, value in its.items() if value]
            self.told.append(f"{DETAIL}asked: {', '.join(said)}")


def _text(answer: HttpResponse) -> str:
    """Return a body in a few words: of problem details their type, and each error."""
    if answer.content_type != "application/problem+json":
        return answer.body.decode()
    its = msgspec.json.decode(answer.body)
    errors = [
        f"{error.get('header') or error.get('pointer')}: {error['detail']}"
        for error in its.get("errors", ())
    ]
    if "type" not in its:
        return answer.body.decode()
    words = its["type"].removeprefix("/problems/")
    return "; ".join([words, *errors])


def _details(answer: HttpResponse, api: ServedApi) -> Iterator[str]:
    for name in SHOWN:
        if name in answer.headers:
            yield f"{DETAIL}{name}: {answer.headers[name]}"
    for line in api.log:
        assert decode_event(encode_event(line)) == line
        assert line.trace_id == msgspec.json.decode(answer.body)["trace_id"]
        its = (line.status, line.problem, line.operation, line.vehicle_id, line.reason)
        yield f"{DETAIL}log: {line.event} {' '.join(str(one) for one in its if one)}"
    for name, endpoint, _ in api.untreated:
        yield f"{DETAIL}untreated {name} at {endpoint}"


def _repeated(text: str) -> str:
    return re.sub(r"(.)\*(\d+)", lambda found: found[1] * int(found[2]), text)


test_stories = stories_test(__file__, ApiPlayer)
