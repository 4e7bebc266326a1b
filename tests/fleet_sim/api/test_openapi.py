"""The API does what its description says, whatever is sent to it."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from openapi_spec_validator import validate

from fleet_sim.api.bodies import STATES, BookingAnswer, CommandAnswer, VehicleAnswer
from fleet_sim.platform.commands import CommandState
from fleet_sim.platform.operations import ENDPOINTS, Operation
from tests.helpers.fake_platform import served_api
from tests.helpers.own_commands import run_here
from tests.helpers.places import ROOT
from tests.helpers.platform_bench import PlatformBench

TICK_S = 0.002
SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
LUCK_SUFFICES = (Operation.BOOK, Operation.UNLOCK, Operation.COMMAND_STATUS, Operation.END)
"""Reached by following the description's links for a while."""


def test_the_description_is_one() -> None:
    """It keeps OpenAPI 3.1, and has each operation with how it can fail."""
    described = msgspec.json.decode(run_here("fleet_sim", "openapi")[1])
    validate(described)
    assert described["openapi"].startswith("3.1.")
    found = {
        one["operationId"]: path
        for path, item in described["paths"].items()
        for one in item.values()
    }
    assert found == {operation.value: template for operation, template in ENDPOINTS.items()}
    assert STATES.keys() == {*CommandState}
    for operation in (each for item in described["paths"].values() for each in item.values()):
        forbidden = operation["responses"]["403"]
        assert forbidden["content"].keys() == {"application/problem+json"}
        assert "/problems/booking-of-another" in forbidden["description"]


@pytest.mark.parametrize(
    ("operation", "form"),
    [
        (Operation.EXTEND, BookingAnswer),
        (Operation.UNLOCK, CommandAnswer),
        (Operation.VEHICLE_STATE, VehicleAnswer),
    ],
)
def test_answers_have_no_field_that_is_not_described(
    operation: Operation, form: type[msgspec.Struct]
) -> None:
    """Nor lack one."""
    bench = PlatformBench()
    what: dict[str, Any] = {"booking_id": bench.book()}
    if operation is Operation.EXTEND:
        what["ends_at"] = bench.now + 7_200
    answer = bench.answer(operation, vehicle_id="car-0", **what)
    msgspec.convert(answer.body, form)
    assert answer.body.keys() <= set(form.__struct_fields__)


class AnyCar:
    """A fleet that has every car whose name can stand in a topic; most of them are never there."""

    def __contains__(self, vehicle_id: object) -> bool:
        return isinstance(vehicle_id, str) and vehicle_id.replace("-", "").isalnum()


async def passing(bench: PlatformBench) -> None:
    """Let virtual time pass in steps of 50 ms, many times a second."""
    while True:
        bench.let_pass(0.05)
        await asyncio.sleep(TICK_S)


@pytest.mark.long
async def test_schemathesis_finds_nothing(tmp_path: Path) -> None:
    """Requests by the hundred, right and wrong, alone and one after another, on the real platform.

    No answer is one that the description does not have, none explains nothing, and made up
    customers have booked cars and opened them.
    """
    bench = PlatformBench()
    bench.book(for_s=86_400)
    bench.platform._vehicle_ids = AnyCar()
    async with served_api(bench.platform) as served:
        time = asyncio.create_task(passing(bench))
        process = await asyncio.create_subprocess_exec(
            SCHEMATHESIS,
            f"--config-file={ROOT}/tests/fleet_sim/api/schemathesis.toml",
            "run",
            f"{served.url}/openapi.json",
            f"--url={served.url}",
            "--header",
            f"Authorization: Bearer {bench.platform.token_of('anna')}",
            "--max-examples=15",
            "--seed=1",
            "--no-color",
            cwd=tmp_path,  # where it keeps what it has found
            stdout=asyncio.subprocess.PIPE,
            env={
                **os.environ,
                "SCHEMATHESIS_HOOKS": "tests.helpers.schemathesis_hooks",
                "PYTHONPATH": str(ROOT),
            },
        )
        found, _ = await process.communicate()
        assert not time.done(), time
        time.cancel()
    assert process.returncode == 0, found.decode()[-5_000:]
    assert not served.untreated
    answers = served.series("answers_total")
    assert not {"internal-error", "untyped"} & {problem for _, _, problem in answers}
    served_paths = {path for _, path, problem in answers if problem == "none"}
    assert served_paths >= {ENDPOINTS[operation] for operation in LUCK_SUFFICES}
