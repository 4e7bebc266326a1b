"""Customers of other fleets, watched: commands and answers in their own words become attempts."""

from __future__ import annotations

import msgspec
import pytest

from fleet_wire.contract.attempt import Flag, Source, Stage
from fleet_wire.contract.causes import Cause, Outcome
from fleet_wire.contract.messages import Action
from fleet_wire.profiles.loading import load_profile
from platform_probe.measure.watching.inbox import subscriptions
from tests.helpers.other_bench import OtherBench
from tests.helpers.own_wires import OWN_WIRES
from tests.helpers.profile_files import profile_of

SAIC = "saic/you@example.org/vehicles/VIN-1/doors/locked"
AWS = "$aws/commands/things/VIN-1/executions/x1"


def test_a_customer_whose_command_has_no_id() -> None:
    """SAIC: `false`, then `Success`, then the lock: one unlock with its times."""
    bench = OtherBench(load_profile("saic"))
    bench.take(SAIC, b"True", retain=True)
    bench.take(f"{SAIC}/set", b"false")
    bench.behind.wait(3.0)
    bench.take(f"{SAIC}/result", b"Success")
    bench.take(SAIC, b"False")
    attempt = bench.behind.only()
    assert (attempt.source, attempt.outcome) == (Source.CUSTOMER, Outcome.OK)
    assert attempt.stages[Stage.RESULT_RECEIVED] == pytest.approx(3.0)
    assert (attempt.command_id or "").startswith("VIN-1/")


def test_two_customers_whose_answers_have_no_id() -> None:
    """The first answer is the first's, and its record says that this is a guess."""
    bench = OtherBench(load_profile("saic"))
    bench.take(SAIC, b"True", retain=True)
    bench.take(f"{SAIC}/set", b"false")
    bench.take(f"{SAIC}/set", b"false")
    bench.take(f"{SAIC}/result", b"Failed: busy")
    (attempt,) = bench.behind.attempts
    assert (attempt.cause, attempt.reason) == (Cause.VEHICLE_FAILED, "failed: busy")
    assert attempt.flags == (Flag.ANSWER_GUESSED,)
    bench.take(f"{SAIC}/result", b"Success")
    bench.take(SAIC, b"False")
    assert [one.outcome for one in bench.behind.attempts] == [Outcome.FAILED, Outcome.OK]


def test_an_answer_that_was_retained_belongs_to_nobody() -> None:
    """It waited at the broker since before we came: no attempt, no stray answer."""
    bench = OtherBench(load_profile("saic"))
    bench.take(f"{SAIC}/result", b"Success", retain=True)
    bench.behind.wait(10.0)
    assert bench.behind.records == []
    assert bench.inbox.malformed == 0


def test_a_copy_of_our_own_command_is_no_customer() -> None:
    """Under MQTT 3.1.1 without ids: what we have just sent comes back, and is passed over."""
    bench = OtherBench(profile_of(OWN_WIRES["nameless-311"]))
    bench.behind.send()
    bench.only_open.add_own_command("centre-1", "c1", Action.UNLOCK)
    bench.take("doors/centre-1/set", b"OPEN")
    bench.take("doors/centre-1/done", b"ok")
    attempt = bench.behind.only()
    assert (attempt.source, attempt.outcome) == (Source.PROBE, Outcome.OK)


def test_the_clouds_timeout_is_not_the_end() -> None:
    """AWS: TIMED_OUT of the cloud is evidence, and the device's SUCCEEDED after it counts."""
    bench = OtherBench(load_profile("aws-iot"))
    bench.take(f"{AWS}/request/json", b'{"command":"unlock"}')
    bench.take(f"{AWS}/response/json", b'{"status":"IN_PROGRESS"}')
    bench.behind.wait(10.0)
    event = (
        b'{"executionId":"x1","status":"TIMED_OUT","targetArn":"arn:aws:iot:eu:1:thing/VIN-1",'
        b'"statusReason":{"reasonCode":"$NO_RESPONSE_FROM_DEVICE"}}'
    )
    bench.take("$aws/events/commandExecution/unlock/TIMED_OUT", event)
    assert bench.behind.attempts == []
    bench.take(f"{AWS}/response/json", b'{"status":"SUCCEEDED"}')
    attempt = bench.behind.only()
    assert attempt.outcome is Outcome.OK
    assert Stage.BOX_RECEIVED.value in attempt.stages


def test_what_breaks_the_profile_is_counted() -> None:
    """A topic of nobody's, and a status that the file does not list."""
    bench = OtherBench(load_profile("aws-iot"))
    bench.take("else/where", b"")
    bench.take(f"{AWS}/response/json", b'{"status":"HUH"}')
    assert bench.inbox.malformed == 2


def test_a_metric_that_a_box_no_longer_knows_takes_no_car_out_of_service() -> None:
    """An OVMS box whose modem is off clears its network's name; what it was stays known."""
    bench = OtherBench(load_profile("ovms"))
    topic = "ovms/demo/car-1/metric/m/net/provider"
    bench.take(topic, b"operator-a", retain=True)
    bench.take(topic, b"")
    assert bench.inbox.malformed == 0
    assert bench.behind.tracker.evidence.state_of("car-1").labels.operator == "operator-a"


def test_a_probe_listens_to_the_topics_of_its_profile() -> None:
    """And with `watch` to the commands of others."""
    profile = load_profile("ovms")
    topics = subscriptions(profile, watch=False)
    assert "ovms/demo/+/client/+/response/+" in topics
    assert set(subscriptions(profile, watch=True)) - set(topics) == {
        "ovms/demo/+/client/+/command/+"
    }


SHADOW = "$aws/things/VIN-1/shadow/update/accepted"


def reported(**fields: object) -> bytes:
    """Return what AWS has accepted of a box's report."""
    return msgspec.json.encode({"state": {"reported": fields}, "version": 7, "timestamp": 1})


def desired(doors: str, token: str) -> bytes:
    """Return what AWS has accepted of a platform's request."""
    return msgspec.json.encode({"state": {"desired": {"doors": doors}}, "clientToken": token})


def test_a_desired_state_is_answered_by_the_report_of_it() -> None:
    """What the box reports meanwhile is no answer: a voltage, and that it is still locked."""
    bench = OtherBench(load_profile("aws-shadow"))
    bench.take(SHADOW, reported(doors="locked"))
    bench.take(SHADOW, desired("unlocked", "t-1"))
    bench.take(SHADOW, reported(voltage=12.1))
    bench.take(SHADOW, reported(doors="locked", voltage=12.1))
    bench.behind.wait(3.0)
    assert bench.behind.records == []
    bench.take(SHADOW, reported(doors="unlocked"))
    attempt = bench.behind.only()
    assert (attempt.source, attempt.outcome) == (Source.CUSTOMER, Outcome.OK)
    assert attempt.command_id == "t-1"
    assert attempt.stages[Stage.RESULT_RECEIVED] == pytest.approx(3.0)
    assert attempt.stages[Stage.STATE_CHANGED] == pytest.approx(3.0)
    bench.take(SHADOW, reported(doors="unlocked"))
    assert bench.behind.only() is attempt
    assert bench.inbox.malformed == 0


def test_a_state_that_is_there_already_needs_no_report() -> None:
    """There is no difference then, and nothing that the box could get."""
    bench = OtherBench(load_profile("aws-shadow"))
    bench.take(SHADOW, reported(doors="unlocked"))
    bench.take(SHADOW, desired("unlocked", "t-1"))
    assert bench.behind.only().outcome is Outcome.OK


def test_a_refusal_of_a_desired_state_names_what_was_asked() -> None:
    """It answers the request for that, and says why."""
    bench = OtherBench(load_profile("aws-shadow"))
    bench.take(SHADOW, desired("unlocked", "t-1"))
    bench.take(SHADOW, reported(refused={"doors": "unlocked", "reason": "low_voltage"}))
    attempt = bench.behind.only()
    assert (attempt.cause, attempt.reason) == (Cause.VEHICLE_FAILED, "low_voltage")


def test_a_desired_state_that_the_broker_kept_is_no_new_command() -> None:
    """Fleets that retain what is desired tell it to everybody who comes."""
    text = """
correlation: state
command:
  topic: twin/{vehicle_id}/desired
  retain: true
  fields: { action: { at: /lock, values: { open: unlock, shut: lock } } }
result:
  topic: twin/{vehicle_id}/reported
  when: { /lock: [open, shut] }
  fields:
    phase: { value: executed }
    action: { at: /lock, values: { open: unlock, shut: lock } }
"""
    bench = OtherBench(profile_of(text))
    bench.take("twin/VIN-1/desired", b'{"lock":"open"}', retain=True)
    assert bench.inbox.malformed == 0
    bench.take("twin/VIN-1/desired", b'{"lock":"open"}')
    bench.take("twin/VIN-1/reported", b'{"lock":"open"}')
    assert bench.behind.only().outcome is Outcome.OK
