"""What a webhook gets, and when, in virtual time; its body, its schema and its signature."""

from __future__ import annotations

import base64
import hmac
import json

import jsonschema
import msgspec
import pytest

from fleet_wire.contract.incident import ChangeKind, Incident, IncidentKind
from platform_probe.settings.messages import WebhookSettings
from platform_probe.tell.messages.alerts import annotations_of
from platform_probe.tell.messages.delivery import Failure, Moment, Trouble
from platform_probe.tell.messages.webhook import (
    GROWTH_EVERY_S,
    LATE_S,
    Event,
    Post,
    WebhookCore,
    WebhookState,
    body_of,
    pagerduty_body,
    schema,
    signature_headers,
)
from tests.helpers.english import FRENCH
from tests.helpers.fake_clock import EPOCH_S
from tests.helpers.made_incidents import (
    TITLE,
    acknowledged,
    closed,
    grown,
    joined,
    made_incident,
    muted,
    reopened,
    resolved,
    then,
    worse,
)


class Hook:
    """A webhook in virtual time."""

    def __init__(self, told: dict[str, bytes] | None = None, **chosen: object) -> None:
        self.s = 0.0
        self.kept: dict[str, bytes] = told or {}
        self.core = WebhookCore(
            takes=WebhookSettings(name="x", url="https://x.example", **chosen).takes,
            keep=self._keep,
        )
        self.core.restore(
            {name: msgspec.json.decode(each, type=WebhookState) for name, each in self.kept.items()}
        )
        self.failure: Failure | None = None
        self.posts: list[Post] = []

    def _keep(self, name: str, told: WebhookState | None) -> None:
        if told is None:
            del self.kept[name]
        else:
            self.kept[name] = msgspec.json.encode(told)

    @property
    def events(self) -> list[Event]:
        """What was taken."""
        return [post.event for post in self.posts]

    def tell(self, *incidents: Incident) -> None:
        """Tell revisions, a minute after each other."""
        for incident in incidents:
            self.core.handle_incident(incident, self.now)
            self.run(60)

    @property
    def now(self) -> Moment:
        """The time on both clocks."""
        return Moment(self.s, EPOCH_S + self.s)

    def run(self, for_s: float) -> None:
        """Let time pass."""
        until_s = self.s + for_s
        while True:
            while (post := self.core.next(self.now)) is not None:
                if self.failure is None:
                    self.posts.append(post)
                self.core.done(post, self.failure, self.now)
            if self.core.next_s() > until_s:
                break
            self.s = max(self.core.next_s(), self.s + 1e-3)
        self.s = until_s


def test_a_joined_incident_is_told_as_that() -> None:
    """It is no recovery; what was never posted is not posted for it."""
    home, other = made_incident("inc-1"), made_incident("inc-2")
    hook = Hook()
    hook.tell(other, joined(other, home))
    assert hook.events == [Event.OPENED, Event.JOINED]
    in_window = made_incident("inc-3", maintenance="antennas")
    hook = Hook()
    hook.tell(in_window, joined(in_window, home))
    assert hook.events == []


def test_what_was_withheld_and_is_no_longer_seen_waits_until_it_is() -> None:
    """The window is over, and so may this be."""
    first = made_incident(maintenance="antennas")
    unseen = then(first, ChangeKind.UNSEEN, ended_at=first.at)
    freed = then(unseen, ChangeKind.UNMUTED, maintenance=None)
    hook = Hook()
    hook.tell(first, unseen, freed)
    assert hook.events == []
    hook.tell(then(freed, ChangeKind.SEEN_AGAIN, ended_at=None))
    assert hook.events == [Event.OPENED]
    hook = Hook()
    hook.tell(first, unseen, freed, resolved(freed))
    assert hook.events == []


def test_each_change_is_named() -> None:
    """From its opening to its end and back."""
    hook = Hook()
    first = made_incident()
    second = acknowledged(first)
    third = worse(second)
    fourth = resolved(grown(third))
    fifth = reopened(fourth)
    hook.tell(first, second, third, grown(third), fourth, fifth, closed(fifth))
    assert hook.events == [
        Event.OPENED, Event.ACKNOWLEDGED, Event.WORSE, Event.UPDATED, Event.RESOLVED,
        Event.REOPENED, Event.CLOSED,
    ]  # fmt: skip


def test_growth_is_told_now_and_then_with_the_latest_numbers() -> None:
    """A hundred revisions in half a minute are two posts."""
    hook = Hook()
    incident = made_incident()
    hook.core.handle_incident(incident, hook.now)
    hook.run(1)
    for _ in range(100):
        incident = grown(incident)
        hook.core.handle_incident(incident, hook.now)
        hook.run(GROWTH_EVERY_S / 150)
    hook.run(GROWTH_EVERY_S)
    assert hook.events == [Event.OPENED, Event.UPDATED]
    assert hook.posts[-1].incident == incident


def test_what_is_chosen_comes_and_its_end_too() -> None:
    """Of kinds and severities that were not asked for nothing comes."""
    hook = Hook(kinds=[IncidentKind.SUSPICIOUS])
    hook.tell(made_incident())
    other = made_incident("inc-2", kind=IncidentKind.SUSPICIOUS)
    hook.tell(other, resolved(other))
    assert [post.incident.incident_id for post in hook.posts] == ["inc-2", "inc-2"]


def test_a_muted_incident_is_silent_but_for_the_end_of_what_was_told() -> None:
    """A pager must not ring for ever."""
    hook = Hook()
    first = made_incident(at=EPOCH_S)
    quiet = muted(first)
    hook.tell(first, quiet, grown(quiet), resolved(quiet))
    assert hook.events == [Event.OPENED, Event.RESOLVED]
    hook = Hook()
    planned = made_incident(maintenance="new SIMs")
    hook.tell(planned, grown(planned), resolved(planned))
    assert hook.events == []
    assert hook.kept == {}


@pytest.mark.parametrize("trouble", [Trouble.UNREACHABLE, Trouble.TOKEN, Trouble.RATE])
def test_nothing_is_lost_while_it_is_away_nor_by_a_restart(trouble: Trouble) -> None:
    """What opened and ended meanwhile is told once, as ended."""
    hook = Hook()
    hook.failure = Failure(trouble, "away")
    first, second = made_incident(), made_incident("inc-2")
    hook.tell(first, second, resolved(first))
    hook.run(3_600)
    again = Hook(hook.kept)
    for incident in (resolved(first), second):
        again.core.handle_incident(incident, again.now)
    again.run(600)
    assert sorted(
        zip(again.events, (p.incident.incident_id for p in again.posts), strict=True)
    ) == [
        (Event.OPENED, "inc-2"),
        (Event.RESOLVED, "inc-1"),
    ]


def test_what_it_does_not_take_stops_nothing_else() -> None:
    """A body that is refused is dropped; one that is a day old too."""
    hook = Hook()
    hook.failure = Failure(Trouble.CONTENT, "HTTP 422")
    hook.tell(made_incident())
    assert hook.core.dropped == 1
    hook.failure = Failure(Trouble.UNREACHABLE, "")
    hook.tell(made_incident("inc-2"))
    hook.run(LATE_S + 60)
    hook.failure = None
    hook.tell(made_incident("inc-3"))
    assert hook.core.dropped == 2
    assert [post.incident.incident_id for post in hook.posts] == ["inc-3"]


def test_a_body_is_what_its_schema_says() -> None:
    """The published one."""
    post = Post(Event.OPENED, acknowledged(made_incident()), "inc-1.2")
    body = json.loads(body_of(post, monitor="m", link="https://console.example/incident/inc-1"))
    jsonschema.validate(body, schema())
    assert (body["id"], body["type"], body["incident"]["incident_id"]) == (
        "inc-1.2", "incident.opened", "inc-1",
    )  # fmt: skip
    assert body["timestamp"].startswith("2023-11-14T22:13:21")
    assert body["title"] == TITLE


def test_all_words_are_in_the_language_of_the_settings() -> None:
    """Of both forms; names that programs read stay as they are."""
    day_after = then(made_incident(), ChangeKind.GREW, after_s=86_400.0)
    post = Post(Event.UPDATED, day_after, "inc-1.2")
    body = json.loads(body_of(post, monitor="m", link=None, speaker=FRENCH))
    assert body["title"].endswith("depuis 22:12 le 14/11, 31 clients")
    assert "ouvertures en échec (" in body["counts"]
    assert " ; ailleurs 12 sur 900" in body["counts"]
    assert body["what"].startswith("le réseau mobile")
    assert "Qui agit :" in body["action"]
    assert (body["type"], body["incident"]["severity"]) == ("incident.updated", "warning")
    event = json.loads(
        pagerduty_body(post, routing_key="k", monitor="m", link="https://x.example", speaker=FRENCH)
    )
    assert event["payload"]["summary"] == body["title"]
    assert event["payload"]["custom_details"] == {
        key: body[key] for key in ("counts", "what", "action")
    }
    assert event["links"][0]["text"] == "Ouvrir dans la console"
    said = annotations_of(day_after, FRENCH)
    assert (said["summary"], said["description"]) == (body["title"], body["counts"])
    assert (said["action"], said["cause"]) == (body["action"], body["what"])
    assert said["hit"] == "31 clients et 29 voitures"


def test_a_signature_is_that_of_standard_webhooks() -> None:
    """The example of its specification, with a secret of its form."""
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 - of the specification
    headers = signature_headers(
        secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", b'{"test": 2432232314}', 1_614_265_330.2
    )
    assert headers["webhook-timestamp"] == "1614265330"
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    plain = signature_headers("hello", "a", b"{}", 1.0)["webhook-signature"]
    signed = hmac.digest(b"hello", b"a.1.{}", "sha256")
    assert plain == f"v1,{base64.b64encode(signed).decode()}"


def test_pagerduty_gets_what_it_understands() -> None:
    """Trigger, acknowledge, resolve, under one key."""
    first = made_incident()
    for incident, action in (
        (first, "trigger"),
        (acknowledged(first), "acknowledge"),
        (resolved(acknowledged(first)), "resolve"),
    ):
        post = Post(Event.UPDATED, incident, "x")
        event = json.loads(pagerduty_body(post, routing_key="key", monitor="m", link=None))
        assert (event["event_action"], event["dedup_key"]) == (action, "inc-1")
        assert event["payload"]["severity"] == "warning"
