"""Plays transcripts of messages: what incidents say, and what a webhook and Alertmanager get."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC
from typing import Any

import msgspec

from fleet_wire.contract.incident import Incident, IncidentKind, Severity
from platform_probe.settings.messages import WebhookSettings
from platform_probe.tell.messages.alerts import Alert, AlertsCore, Push
from platform_probe.tell.messages.delivery import Failure, Moment, Trouble
from platform_probe.tell.messages.webhook import Post, WebhookCore, WebhookState
from platform_probe.texts.times import iso_of
from tests.helpers.english import ENGLISH
from tests.helpers.fake_clock import EPOCH_S
from tests.helpers.made_incidents import STEPS, joined, made_incident
from tests.helpers.transcripts import Teller

URLS = ("http://am-1", "http://am-2")
AS_ENUM = {"severity": Severity, "kind": IncidentKind}


def incident_fields(said: Mapping[str, Any]) -> dict[str, Any]:
    """Return fields of an incident; a story writes a cohort as `operator:b,region:north`."""
    its = {name: AS_ENUM[name](value) if name in AS_ENUM else value for name, value in said.items()}
    if "cohort" in its:
        its["cohort"] = _traits_of(its["cohort"] or "")
    if "cohorts" in its:
        its["cohorts"] = tuple(map(_traits_of, its["cohorts"].split("|")))
    return its


def _traits_of(text: str) -> dict[str, str]:
    return dict(one.split(":") for one in text.split(",") if one)


class TellsIncidents:
    """Makes revisions of incidents, and hands each on.

    `new NAME` finds an incident and tells it, `tell NAME STEP...` tells the last of these revisions
    alone, so many `times`, and `old NAME REVISION` tells an older one again.
    """

    def __init__(self, hand: Callable[[Incident], None], unix_s: Callable[[], float]) -> None:
        self._hand = hand
        self._unix_s = unix_s
        self._revisions: dict[str, list[Incident]] = {}

    def latest(self, name: str) -> Incident:
        """Return the last revision of an incident."""
        return self._revisions[name][-1]

    def verbs(self) -> dict[str, Callable[..., object]]:
        """Return the function of each verb."""
        return {
            "joined": self._joined,
            "new": self._new,
            "old": lambda name, number: self._hand(self._revisions[name][number - 1]),
            "tell": self._tell,
        }

    def _new(self, name: str, *, is_unnamed: bool = False, **said: Any) -> None:
        if is_unnamed:  # of lost cars of which nobody knows yet why
            said |= {"kind": "cars_lost", "cause": None, "mode": None}
        self._told(made_incident(name, at=self._unix_s(), **incident_fields(said)))

    def _tell(self, name: str, *steps: str, times: int = 1, **said: Any) -> None:
        last = {option: said.pop(option) for option in ("after_s", "for_s") if option in said}
        for _ in range(times):
            for step in steps:
                before, options = self._revisions[name][-1], last if step is steps[-1] else {}
                self._revisions[name].append(STEPS[step](before, **options))
            changed = msgspec.structs.replace(self._revisions[name][-1], **incident_fields(said))
            self._revisions[name][-1] = changed
            self._told(changed)

    def _joined(self, name: str, home: str) -> None:
        self._told(joined(self._revisions[name][-1], self._revisions[home][-1]))

    def _told(self, incident: Incident) -> None:
        known = self._revisions.setdefault(incident.incident_id, [])
        if not known or known[-1] is not incident:
            known.append(incident)
        self._hand(msgspec.structs.replace(incident))


@dataclass
class DeliveryPlayer(Teller):
    """A webhook and two Alertmanagers in virtual time, and what the files of both keep.

    `run SECONDS` lets time pass, `away hook TROUBLE` or `away URL` fails until `there`, and
    `restart` begins anew with what was kept. `take` says which incidents the webhook wants. A push
    to Alertmanager is shown where it differs from the one before to that instance.
    """

    s: float = 0.0
    kept: dict[str, dict[str, bytes]] = field(default_factory=lambda: {"hook": {}, "alerts": {}})
    told: list[str] = field(default_factory=list)
    failures: dict[str, Failure] = field(default_factory=dict)
    chosen: dict[str, Any] = field(default_factory=dict)
    shown: dict[str, str] = field(default_factory=dict)
    pushed: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        """Begin."""
        self.incidents = TellsIncidents(self._hand, lambda: self.now.unix_s)
        self._do_restart()

    @property
    def now(self) -> Moment:
        """The time on both clocks."""
        return Moment(self.s, EPOCH_S + self.s)

    def verbs(self) -> Mapping[str, Callable[..., object]]:
        """Return the function of each verb."""
        return {
            **super().verbs(),
            **self.incidents.verbs(),
            "there": self.failures.clear,
        }

    def news(self) -> list[str]:
        """Return what was sent since it was asked last."""
        lines: list[str] = []
        for line in super().news():
            same = line.replace(" am-2 ", " am-1 ")
            if same != line and same in lines:
                lines[lines.index(same)] = same.replace(" am-1 ", " both ")
            else:
                lines.append(line)
        return lines

    def _do_take(self, **chosen: str) -> None:
        self.chosen = {name: value.split(",") for name, value in chosen.items()}
        self._do_restart()

    def _do_restart(self) -> None:
        settings = WebhookSettings(name="x", url="https://x.example", **self.chosen)
        self.hook = WebhookCore(takes=settings.takes, keep=self._keeper("hook"))
        self.alerts = AlertsCore(
            urls=URLS,
            repeat_s=60,
            keep=self._keeper("alerts"),
            labels={"environment": "test"},
            speaker=ENGLISH,
            link_of=lambda incident_id: f"https://console.example/{incident_id}",
        )
        posts = {n: msgspec.json.decode(v, type=WebhookState) for n, v in self.kept["hook"].items()}
        self.hook.restore(posts)
        alerts = {n: msgspec.json.decode(v, type=Alert) for n, v in self.kept["alerts"].items()}
        self.alerts.restore(alerts)

    def _keeper(self, name: str) -> Callable[[str, object], None]:
        def keep(key: str, value: object) -> None:
            if value is None:
                del self.kept[name][key]
            else:
                self.kept[name][key] = msgspec.json.encode(value)

        return keep

    def _do_away(self, whom: str, why: str = "unreachable") -> None:
        self.failures[whom] = Failure(Trouble(why), "away")

    def _hand(self, incident: Incident) -> None:
        self.hook.handle_incident(incident, self.now)
        self.alerts.handle_incident(incident, self.now)

    def _do_run(self, for_s: float) -> None:
        until_s = self.s + for_s
        while True:
            while (post := self.hook.next(self.now)) is not None:
                self._post(post)
            while (push := self.alerts.next(self.now)) is not None:
                self._push(push)
            next_s = min(self.hook.next_s(), self.alerts.next_s())
            if next_s > until_s:
                break
            self.s = max(next_s, self.s + 1e-3)
        self.s = until_s

    def _post(self, post: Post) -> None:
        failure = self.failures.get("hook")
        if failure is None:
            its = post.incident
            event = post.event.removeprefix("incident.")
            self.told.append(f"{self.s:.0f} s: hook {event} {its.incident_id} r{its.revision}")
        self.hook.done(post, failure, self.now)

    def _push(self, push: Push) -> None:
        name = push.url.removeprefix("http://")
        failure = self.failures.get(name)
        if failure is None:
            self.pushed[name] += 1
            alerts = "; ".join(map(self._alert_text, push.alerts))
            if self.shown.get(name) != alerts:
                self.shown[name] = alerts
                self.told.append(f"{self.s:.0f} s: {name} {alerts}")
        self.alerts.done(push, failure, self.now)

    def _alert_text(self, alert: Mapping[str, Any]) -> str:
        """Return whose alert it is, and whether it goes on or when it ended; its growth too."""
        labels, said = alert["labels"], alert["annotations"]
        ends = alert["endsAt"]
        state = "goes on" if ends > self._iso_now() else f"ended {ends[11:19]}"
        joined = f", {said['joined']}" if "joined" in said else ""
        where = ",".join(labels[name] for name in ("operator", "region") if name in labels)
        counts = re.split(" unlocks| requests", said["description"])[0]
        return f"{labels['incident_id']} {labels['severity']} {where}: {counts}, {state}{joined}"

    def _iso_now(self) -> str:
        return iso_of(self.now.unix_s, UTC)

    def _do_counts(self) -> None:
        """Show how often each instance was asked, what waits, and what was dropped."""
        pushes = ", ".join(f"{name} {count}" for name, count in sorted(self.pushed.items()))
        self.told.append(
            f"pushes {pushes or 'none'}; hook waits {self.hook.waiting(self.s)[0]}, dropped"
            f" {self.hook.dropped}; alerts wait {self.alerts.waiting(self.s)[0]}; kept"
            f" {len(self.kept['hook'])} and {len(self.kept['alerts'])}"
        )
