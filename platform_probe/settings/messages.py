"""Destinations of messages about incidents: a part of the settings.

Secrets stand in files, which are read anew for each message: a new token needs no restart.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, field_validator

from fleet_wire.contract.causes import CAUSES, Party
from fleet_wire.contract.incident import Incident, IncidentKind, Severity
from platform_probe.settings.section import Section, Url

SLACK_API: Final = "https://slack.com/api/"
WEBHOOK_NAME: Final = r"^[a-z0-9][a-z0-9_-]{0,31}$"
"""It is a label of metrics."""


INTERACTIVITY_PATH: Final = "/slack/interactivity"
"""The path to which Slack posts presses of buttons."""
ACTIONS_PATH: Final = "/incidents/actions"
"""The path to which commands post a person's actions on an incident."""
WHAT_IFS_PATH: Final = "/incidents/what-ifs"
"""The path to which the command and the console post a what-if, for the incident's thread."""
LABELS_PATH: Final = "/labels"
"""The path to which the command and the console post labels of unlocks."""


class Chosen(Section):
    """Which incidents: those that every list which is not empty names."""

    severities: tuple[Severity, ...] = Field((), description="of these severities; empty: of all")
    kinds: tuple[IncidentKind, ...] = Field((), description="of these kinds; empty: of all")
    parties: tuple[Party, ...] = Field(
        (), description="whose cause is the fault of one of these, as network or platform: one for"
        " each squad; empty: of all",
    )  # fmt: skip

    def takes(self, incident: Incident) -> bool:
        """Return whether an incident, as it is now, is among them."""
        party = None if incident.cause is None else CAUSES[incident.cause].party
        return (
            (not self.severities or incident.severity in self.severities)
            and (not self.kinds or incident.kind in self.kinds)
            and (not self.parties or party in self.parties)
        )


class RouteSettings(Chosen):
    """A channel for some of the incidents."""

    channel: str = Field(min_length=1, max_length=80, description="name or id of the channel")


class SlackSettings(Section):
    """One message for each incident, in a channel of Slack."""

    token_file: Path = Field(description="file with the bot token, xoxb-...")
    channel: str = Field(
        min_length=1, max_length=80,
        description="channel of the incidents that no route takes: its id, or its name as #unlocks",
    )  # fmt: skip
    routes: tuple[RouteSettings, ...] = Field(
        (), description="channels for some of the incidents; one that several name goes to each"
    )
    signing_secret_file: Path | None = Field(
        None, description="file with the app's signing secret: takes presses of the buttons at"
        " /slack/interactivity, where /metrics is; null: messages have no buttons",
    )  # fmt: skip
    api_url: Url = Field(SLACK_API, description="where Slack is")
    timeout_s: float = Field(10.0, ge=0.1, le=300, description="longest wait for an answer")

    def channels_of(self, incident: Incident) -> tuple[str, ...]:
        """Return the channels for an incident as it is now, each once."""
        named = dict.fromkeys(route.channel for route in self.routes if route.takes(incident))
        return tuple(named) or (self.channel,)


class AlertmanagerSettings(Section):
    """One alert for each incident, to every Alertmanager of a cluster."""

    urls: tuple[Url, ...] = Field(
        min_length=1, max_length=10, description="each one's URL, as http://alertmanager:9093"
    )
    repeat_s: float = Field(
        60.0, ge=0.1, le=3_600,
        description="how often an alert is sent again; when none has come for four times as long,"
        " Alertmanager takes it for over",
    )  # fmt: skip
    labels: dict[str, str] = Field(
        {}, description="labels of every alert, as environment: production"
    )
    timeout_s: float = Field(10.0, ge=0.1, le=300, description="longest wait for an answer")


class WebhookSettings(Chosen):
    """A URL that gets a POST for each change of an incident."""

    name: str = Field(pattern=WEBHOOK_NAME, description="its name in metrics and log")
    url: Url | None = Field(
        None, description="where to post; null: url_file, or PagerDuty's own for its form"
    )
    url_file: Path | None = Field(None, description="file with the URL, where it is a secret")
    form: Literal["incident", "pagerduty"] = Field(
        "incident",
        description="what is posted: the incident (docs/messages-reference.md), or an event of"
        " PagerDuty's Events API v2",
    )
    secret_file: Path | None = Field(
        None, description="file with the secret that signs each post (Standard Webhooks), or"
        " PagerDuty's routing key",
    )  # fmt: skip
    timeout_s: float = Field(10.0, ge=0.1, le=300, description="longest wait for an answer")


class MessagesSettings(Section):
    """Messages about incidents, and what people may do to incidents."""

    console_url: Annotated[Url, AfterValidator(lambda url: url.rstrip("/"))] | None = Field(
        None, description="where people reach the console, for links; null: no links"
    )
    monitor: str = Field(
        "unlockpath", min_length=1, max_length=40,
        description="the name that messages are signed with, where there are several monitors",
    )  # fmt: skip
    language: Literal["en", "fr"] = Field(
        "en", description="language of all messages, and of what `platform-probe diagnose`,"
        " `incidents`, `cohorts`, `label` and `messages test` print, errors included",
    )  # fmt: skip
    actions_token_file: Path | None = Field(
        None, description="file with the token that `platform-probe incidents ack` and its like"
        " must send to /incidents/actions, `platform-probe label` and the console to /labels, and"
        " what-ifs to /incidents/what-ifs, where /metrics is; null: nobody may",
    )  # fmt: skip
    slack: SlackSettings | None = Field(None, description="Slack; null: not")
    alertmanager: AlertmanagerSettings | None = Field(None, description="Alertmanager; null: not")
    webhooks: tuple[WebhookSettings, ...] = Field((), description="URLs that get a POST")

    @field_validator("webhooks")
    @classmethod
    def _have_names(cls, hooks: tuple[WebhookSettings, ...]) -> tuple[WebhookSettings, ...]:
        names = [hook.name for hook in hooks]
        if len(set(names)) < len(names):
            raise ValueError("two webhooks have one name: give each its own")
        for hook in hooks:
            if hook.url is not None and hook.url_file is not None:
                raise ValueError(f"{hook.name}: url and url_file exclude each other")
            if hook.form == "pagerduty" and hook.secret_file is None:
                raise ValueError(f"{hook.name}: PagerDuty needs its routing key: secret_file")
            if hook.form == "incident" and hook.url is None and hook.url_file is None:
                raise ValueError(f"{hook.name}: needs url or url_file")
        return hooks

    @property
    def posts(self) -> tuple[str, ...]:
        """The paths at which people do something to incidents, or label unlocks."""
        has_buttons = self.slack is not None and self.slack.signing_secret_file is not None
        has_actions = self.actions_token_file is not None
        return (
            *([INTERACTIVITY_PATH] if has_buttons else []),
            *([ACTIONS_PATH, LABELS_PATH, WHAT_IFS_PATH] if has_actions else []),
        )

    @property
    def backends(self) -> tuple[str, ...]:
        """The names of all that messages go to, as metrics and log have them."""
        return (
            *(["slack"] if self.slack else []),
            *(["alertmanager"] if self.alertmanager else []),
            *(f"webhook:{hook.name}" for hook in self.webhooks),
        )
