"""Whom an incident harmed, and how soon anybody could have known, by the ground truth alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from bench.score.harm import CUSTOMERS, harm_of
from fleet_sim.customers.records import CustomerEvent, CustomerStep
from fleet_wire.contract.attempt import Attempt, Complaint, PlatformSide, Source
from fleet_wire.contract.causes import Cause
from tests.helpers.sample_run import STARTED_AT, make_attempt, write_lines


def unlock(number: int, at_s: float, cause: Cause | None, *, region: str = "north") -> Attempt:
    """Return the record of a customer's unlock: it takes 2 s, or fails after 20."""
    return msgspec.structs.replace(
        make_attempt(number, at_s=at_s, cause=cause, vehicle_id=f"car-{number % 100}"),
        trace_id=f"t{number}",
        source=Source.CUSTOMER,
        total_s=20.0 if cause else 2.0,
        region=region,
        operator="operator-a",
        hardware="tcu-3",
        platform=PlatformSide(account_id=f"customer-{number % 100}"),
    )


def pressed(number: int, at_s: float, press: int = 1) -> CustomerEvent:
    """Return what the customer of an unlock did."""
    return CustomerEvent(
        at_s=at_s,
        customer_id=f"customer-{number % 100}",
        step=CustomerStep.PRESSED,
        phone_at=STARTED_AT + at_s,
        app_version="1",
        press=press,
        trace_id=f"t{number}",
    )


def injected(attempts: list[str], complaints: list[str]) -> dict[str, Any]:
    """Return what struck the cars from 1 to 9."""
    return {
        "type": "injection", "injection": 0, "start_s": 5.0, "attempts": attempts,
        "complaints": complaints, "vehicles": [f"car-{n}" for n in range(1, 10)],
    }  # fmt: skip


def run(path: Path, *, opens: bool, all_press_again: bool = False) -> None:
    """Write a run in which every customer of a struck car presses twice, and one calls.

    `opens`: the records say that the first unlock went well. `all_press_again`: so do the others.
    """
    cause = None if opens else Cause.BOX_OFFLINE
    attempts, events = [], []
    for number in range(1, 10):
        at_s = 10.0 * number
        attempts += [unlock(number, at_s, cause), unlock(100 + number, at_s + 30.0, None)]
        events += [pressed(number, at_s), pressed(100 + number, at_s + 30.0, press=2)]
    for number in range(11, 40):
        attempts.append(unlock(number, 4.0 * number, None, region="south"))
        events.append(pressed(number, 4.0 * number))
        if all_press_again:
            events.append(pressed(number, 4.0 * number + 10.0, press=2))
    write_lines(path / "attempts.jsonl", attempts)
    write_lines(path / CUSTOMERS, events)
    called = Complaint(
        complaint_id="call", at=STARTED_AT + 75.0, scheduled_s=75.0, vehicle_id="car-1",
        account_id="customer-1",
    )  # fmt: skip
    write_lines(path / "complaints.jsonl", [called])
    write_lines(
        path / "ground_truth.jsonl", [injected([f"attempt-{n}" for n in range(1, 10)], ["call"])]
    )


def test_who_presses_again_was_harmed(tmp_path: Path) -> None:
    """Once each, since the first; the call is the incident's. The south is another cohort.

    What another fault did is not the incident.
    """
    run(tmp_path, opens=False)
    harm = harm_of(tmp_path, entries=1)
    assert harm.began_at == STARTED_AT + 5.0
    assert harm.harmed == 9
    assert harm.first_hit_at == STARTED_AT + 10.0
    assert harm.first_call_at == STARTED_AT + 75.0
    assert len(harm.tries) == 9
    assert harm.unlocks_until(STARTED_AT + 45.0) == 2
    assert harm.bound.unlocks == 4, "as many where it is not told whom, of so few cohorts"
    assert harm.bound.knowable_at == STARTED_AT + 40.0 + 20.0, "the fourth failed after 20 s"
    of_noise = harm_of(tmp_path, entries=0)  # it comes after the incident's own entries
    assert (of_noise.harmed, of_noise.first_call_at, of_noise.bound.unlocks) == (0, None, None)


def test_what_looks_well_is_known_when_the_customer_presses_again(tmp_path: Path) -> None:
    """The record of the first unlock says that the car has opened: nobody can know better."""
    run(tmp_path, opens=True)
    bound = harm_of(tmp_path, entries=1).bound
    assert bound.knowable_at == STARTED_AT + 40.0 + 30.0 + 2.0


def test_what_looks_as_on_any_day_cannot_be_known(tmp_path: Path) -> None:
    """Where everybody presses again while a box wakes up, that tells nobody of an incident."""
    run(tmp_path, opens=True, all_press_again=True)
    harm = harm_of(tmp_path, entries=1)
    assert harm.harmed == 9
    assert harm.bound.knowable_at is None
