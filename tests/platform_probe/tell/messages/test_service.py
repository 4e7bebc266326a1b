"""Messages to a local Slack that checks what Slack checks, over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlencode

import msgspec
import pytest

from fleet_wire.contract.incident import ActionKind, Severity
from fleet_wire.contract.label import Label
from fleet_wire.system_clock import SystemClock
from platform_probe.tell.messages.asking import NOT_DONE
from platform_probe.tell.messages.slack_blocks import (
    ACTION_ACKNOWLEDGE,
    ACTION_MUTE,
    ACTION_UNMUTE,
    MUTE_S,
)
from platform_probe.tell.what_if import WhatIfPost
from tests.helpers.english import ENGLISH
from tests.helpers.made_incidents import acknowledged, grown, made_incident, resolved, worse
from tests.helpers.served_messages import (
    ACTIONS_TOKEN,
    SPEED,
    ServedMessages,
    hurry,
    served_messages,
    slack_settings,
)
from tests.helpers.slack_server import IDS, SlackServer, slack_server
from tests.helpers.waiting import eventually
from tests.helpers.what_ifs import made_what_if


@pytest.fixture
async def slack(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SlackServer]:
    """Return a local Slack whose seconds are tenths."""
    hurry(monkeypatch)
    async with slack_server(SPEED) as server:
        yield server


@pytest.fixture
async def served(slack: SlackServer, tmp_path: Path) -> AsyncIterator[ServedMessages]:
    """Return messages to it."""
    async with served_messages(tmp_path, slack_settings(tmp_path, slack), at_once=True) as served:
        yield served


async def test_an_incident_from_its_opening_to_its_end(
    slack: SlackServer, served: ServedMessages
) -> None:
    """One message, edited; one rise, one end, a thread; every limit kept, nothing garbled."""
    first = made_incident(title="Operator <B> & sons: boxes offline", severity=Severity.NOTICE)
    served.tell(first)
    await eventually(lambda: slack.messages)
    served.tell(grown(first))
    await eventually(lambda: slack.messages[0].edits)
    second = worse(acknowledged(grown(first), by="jo <script>"))
    served.tell(second)
    await eventually(lambda: len(slack.seen) == 2)
    served.tell(resolved(second))
    await eventually(lambda: len(slack.seen) == 3 and "Resolved" in slack.messages[0].text)
    assert len(slack.roots) == 1
    assert "Operator &lt;B&gt; &amp; sons" in slack.messages[0].whole
    assert "https://fleet.slack.com/archives/C0UNLOCKS/p" in slack.seen[2].whole
    assert (slack.limited, slack.mistakes) == (0, [])
    await eventually(lambda: served.value("messages_waiting", backend="slack") == 0)
    posts = served.value("messages_sent_total", backend="slack", what="post")
    assert posts == len(slack.messages)


async def test_a_wrong_token_is_told_and_mended_without_a_restart(
    slack: SlackServer, served: ServedMessages, tmp_path: Path
) -> None:
    """The state is in a metric and in the log, in Slack's own words; nothing is lost."""
    (tmp_path / "token").write_text("xoxb-wrong")
    served.tell(made_incident())
    await eventually(lambda: served.value("messages_trouble", backend="slack", why="token"))
    assert served.value("messages_waiting", backend="slack") == 1
    assert served.events("message_failed")[0]["detail"] == "invalid_auth"
    assert "xoxb" not in str(served.log.lines)
    (tmp_path / "token").write_text(slack.token)
    await eventually(lambda: slack.messages)
    await eventually(lambda: not served.value("messages_trouble", backend="slack", why="token"))
    assert served.events("messages_sent_again")


async def test_an_archived_channel_keeps_no_other_waiting(
    slack: SlackServer, tmp_path: Path
) -> None:
    """It is told, and tried again; the incident comes when the channel is back."""
    slack.archived.add("C0OLD")
    values = slack_settings(tmp_path, slack, routes=[{"channel": "#old"}, {"channel": "#unlocks"}])
    async with served_messages(tmp_path, values, at_once=True) as served:
        served.tell(made_incident())
        await eventually(lambda: slack.messages)
        await eventually(lambda: served.events("message_failed"))
        assert [one.channel for one in slack.messages] == ["C0UNLOCKS"]
        assert served.events("message_failed")[0]["detail"] == "is_archived"
        assert served.value("messages_failed_total", backend="slack", why="channel") == 1
        slack.archived.clear()
        await eventually(lambda: len(slack.messages) == 2)


@pytest.mark.parametrize("mishap", ["500", "html", "half", "hang up", "lost", "429"])
async def test_answers_that_fail_make_no_second_message(
    mishap: str, slack: SlackServer, served: ServedMessages
) -> None:
    """Whether Slack had taken the post or not, it is there once, and up to date."""
    served.tell(made_incident("inc-0"))  # from its answer on it is known what the channel is called
    await eventually(lambda: served.value("messages_sent_total", backend="slack", what="post"))
    slack.mishaps = [mishap]
    served.tell(made_incident())
    served.tell(grown(made_incident()))
    await eventually(lambda: len(slack.roots) == 2)
    await eventually(lambda: served.value("messages_waiting", backend="slack") == 0)
    assert len(slack.roots) == 2
    assert "41 of 54" in slack.roots[1].whole
    assert slack.limited == 0


async def test_a_restart_goes_on_where_it_was(slack: SlackServer, tmp_path: Path) -> None:
    """Messages that are there are edited; what waited when the process ended is sent."""
    values = slack_settings(tmp_path, slack)
    first, second = made_incident(), made_incident("inc-2")
    async with served_messages(tmp_path, values, at_once=True) as served:
        served.tell(first)
        await eventually(lambda: slack.messages)
        slack.mishaps = ["500"] * 1_000
        served.tell(second)
        await eventually(lambda: served.events("message_failed"))
    slack.mishaps = []
    async with served_messages(tmp_path, values, at_once=True) as served:
        served.tell(grown(first))
        await eventually(lambda: len(slack.roots) == 2 and slack.messages[0].edits)
        served.tell(first, second)  # a monitor that starts again tells what it knows
        served.tell(made_incident("inc-3"))  # posted after all that was told before it
        await eventually(lambda: len(slack.roots) > 2)
        await eventually(lambda: served.value("messages_waiting", backend="slack") == 0)
    assert len(slack.roots) == 3


async def test_buttons_do_what_they_say(served: ServedMessages) -> None:
    """Answered at once; with the name of who pressed, and an hour of silence."""
    assert (await served.press(ACTION_ACKNOWLEDGE)).status == 200
    assert (await served.press(ACTION_MUTE)).status == 200
    kinds = [(one.kind, one.by, one.incident_id) for one in served.acted]
    assert kinds == [
        (ActionKind.ACKNOWLEDGE, "jo", "inc-1"),
        (ActionKind.MUTE, "jo", "inc-1"),
    ]
    assert served.acted[1].until == served.acted[1].at + MUTE_S
    assert served.acted[1].reason is None  # nobody was asked for one
    assert served.value("incident_requests_total", end="taken") == 2


async def test_who_presses_in_vain_is_told(slack: SlackServer, served: ServedMessages) -> None:
    """In Slack, where it can be reached; in any case in answer, metric and log."""
    response_url = slack.url.replace("/api/", "/response")
    for action, url in (
        (ACTION_ACKNOWLEDGE, response_url), (ACTION_MUTE, ""), (ACTION_UNMUTE, "http://127.0.0.1:1"),
    ):  # fmt: skip
        answer = await served.press(action, "gone", response_url=url)
        assert (answer.status, answer.body.decode()) == (200, f"{ENGLISH.say(NOT_DONE)}\n")
    await eventually(lambda: len(served.events("press_in_vain")) == 3)
    logged = {one["kind"]: one for one in served.events("press_in_vain")}
    assert {kind: one["is_told"] for kind, one in logged.items()} == {
        ActionKind.ACKNOWLEDGE: True, ActionKind.MUTE: False, ActionKind.UNMUTE: False,
    }  # fmt: skip
    assert {(one["incident_id"], one["by"]) for one in logged.values()} == {("gone", "jo")}
    (said,) = slack.said_to
    assert (said["response_type"], said["text"]) == ("ephemeral", ENGLISH.say(NOT_DONE))
    assert served.value("incident_requests_total", end="unknown") == 3


async def test_forged_presses_are_refused_and_counted(served: ServedMessages) -> None:
    """Another secret, another time, no signature, no form: 401 or 400, and nothing is done."""
    now = served.messages._clock.unix_s()
    assert (await served.press(ACTION_MUTE, secret=ACTIONS_TOKEN)).status == 401
    assert (await served.press(ACTION_MUTE, at=now - 301)).status == 401
    assert (await served.press(ACTION_MUTE, at=now + 301)).status == 401
    for stamp in ("", "1e3", "-1", "٣", "9" * 400):
        headers = {
            "X-Slack-Request-Timestamp": stamp.encode().decode("latin-1"),
            "X-Slack-Signature": "v0=0",
        }
        assert (await served.post("/slack/interactivity", b"payload={}", headers)).status == 401
    unsigned = await served.post("/slack/interactivity", b"", {})
    assert unsigned.status == 401
    assert b"not signed: X-Slack-Request-Timestamp or X-Slack-Signature" in unsigned.body
    assert served.value("incident_requests_total", end="forged") == 9
    for body in (b"", b"\xff", b"payload=", b"payload=[]", b"payload=" + b"1" * 10_000):
        assert (await served.post_signed(body)).status == 400
    assert served.value("incident_requests_total", end="unreadable") == 5
    assert (await served.press("link-button")).status == 200
    assert served.acted == []


async def test_a_press_counts_once(served: ServedMessages) -> None:
    """Somebody who has overheard a press cannot send it again, nor to a monitor that restarted."""
    payload = {"type": "block_actions", "actions": [{"action_id": ACTION_MUTE, "value": "inc-1"}]}
    body = urlencode({"payload": msgspec.json.encode(payload).decode()}).encode()
    headers = served.signed(body)
    statuses = [(await served.post("/slack/interactivity", body, headers)).status for _ in range(3)]
    assert statuses == [200, 401, 401]
    assert len(served.acted) == 1
    assert served.value("incident_requests_total", end="repeated") == 2
    before = served.signed(body, at=SystemClock().unix_s() - 60.0)
    assert (await served.post("/slack/interactivity", body, before)).status == 401
    assert len(served.acted) == 1


async def test_a_token_that_is_no_text_is_wrong(served: ServedMessages) -> None:
    """A byte that is no UTF-8 is answered 401 and counted, as any other wrong token."""
    reader, writer = await asyncio.open_connection(*served.url.removeprefix("http://").split(":"))
    writer.write(
        b"POST /incidents/actions HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n"
        b"Authorization: Bearer \xff\r\n\r\n"
    )
    assert (await reader.read()).startswith(b"HTTP/1.1 401 ")
    writer.close()
    assert served.value("incident_requests_total", end="forged") == 1


async def test_requests_need_the_token(served: ServedMessages) -> None:
    """As `platform-probe incidents ack` sends them."""
    good = {"Authorization": f"Bearer {ACTIONS_TOKEN}"}
    body = b'{"incident_id":"inc-1","kind":"mute","by":"jo","reason":"works","seconds":60}'
    assert (await served.post("/incidents/actions", body, {})).status == 401
    assert (
        await served.post("/incidents/actions", body, {"Authorization": "Bearer x"})
    ).status == 401
    assert (await served.post("/incidents/actions", body, good)).status == 200
    (action,) = served.acted
    assert (action.kind, action.reason, action.until) == ("mute", "works", action.at + 60)
    for bad in (b"", b"{}", body.replace(b"60", b"-1"), body.replace(b'"mute"', b'"close"')):
        assert (await served.post("/incidents/actions", bad, good)).status == 400
    gone = body.replace(b"inc-1", b"gone")
    assert (await served.post("/incidents/actions", gone, good)).status == 409


async def test_a_label_is_stamped_by_the_monitor(served: ServedMessages) -> None:
    """It needs the token, a mode that there is, and a monitor with a store."""
    good = {"Authorization": f"Bearer {ACTIONS_TOKEN}"}
    sent = Label(
        attempt_id="a1", vehicle_id="car-1", started_at=5.0, mode="phone_side", by="jo", at=0.0
    )
    body = msgspec.json.encode(sent)
    assert (await served.post("/labels", body, {})).status == 401
    assert (await served.post("/labels", body, good)).status == 200
    (label,) = served.labels
    assert label.at > 1_700_000_000.0
    assert msgspec.structs.replace(label, at=0.0) == sent
    for bad in (b"", b"{}", body.replace(b"phone_side", b"phone"), body.replace(b"jo", b"")):
        assert (await served.post("/labels", bad, good)).status == 400
    served.keeps_labels = False
    answer = await served.post("/labels", body, good)
    assert answer.status == 409
    assert b"store.directory" in answer.body
    assert served.value("incident_requests_total", end="taken") == 1


async def test_a_what_if_is_a_reply_in_the_thread(
    slack: SlackServer, served: ServedMessages
) -> None:
    """The thread alone shows it; it needs the token, and an incident that Slack has.

    What Slack says no to is told to who asked.
    """
    good = {"Authorization": f"Bearer {ACTIONS_TOKEN}"}
    path, body = (
        "/incidents/what-ifs",
        msgspec.json.encode(WhatIfPost("inc-1", "jo", made_what_if())),
    )
    early = await served.post(path, body, good)
    assert early.status == 409
    assert b"has no message in Slack" in early.body
    served.tell(made_incident())
    await eventually(lambda: slack.messages)

    assert (await served.post(path, body, {})).status == 401
    assert (await served.post(path, b"{}", good)).status == 400
    assert (await served.post(path, body, good)).status == 200

    first, reply = slack.messages
    assert (reply.thread_ts, reply.is_broadcast) == (first.ts, False)
    assert "Call &lt;them&gt;: 3.2 rentals lost, 1.0 to 5.5 saved" in reply.text
    assert "Do nothing: 3.2 rentals lost" in reply.text
    assert "80 % likely" in reply.text
    slack.archived.add(IDS["#unlocks"])
    late = await served.post(path, body, good)
    assert (late.status, b"is_archived" in late.body) == (409, True)
