"""One operator breaks in one region, from the first lost car to the message that it is over."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Final

import pytest

from bench.score.detection import INCIDENTS
from fleet_sim.results.summary import JsonLines
from fleet_sim.runs.conclude import COMPLAINTS
from fleet_sim.runs.virtual.run import VirtualRun
from fleet_sim.scenario.loading import load_scenario
from fleet_wire.contract.attempt import Complaint
from fleet_wire.contract.incident import (
    ActionKind,
    ChangeKind,
    Incident,
    IncidentAction,
    IncidentState,
)
from platform_probe.journal.entries import PersonActed
from platform_probe.judge.judge import Judgement
from platform_probe.tell.messages.slack_calls import DisplayPart
from tests.helpers import virtual_runs
from tests.helpers.fake_clock import EPOCH_S
from tests.helpers.virtual_runs import SCENARIOS, run_virtually
from tests.helpers.virtual_slack import VirtualSlack

READ_S: Final = 40.0
"""So long after the first message somebody on call acknowledges it."""
GROUPS: Final = 4
BREAKS: Final = {"start_s": 120, "end_s": 300}
STAGES: Final = [
    {"kind": "poisson", "rate_per_s": 0.4, "duration_s": 420},
    {"kind": "poisson", "rate_per_s": 0.02, "duration_s": 1080},
]
"""It breaks within the first, and is resolved after a quarter of an hour of the second."""


class OnCall(VirtualRun):
    """A run with a person who acknowledges the incidents that its judge opens."""

    def handle_judgement(self, judgement: Judgement) -> None:
        """Write a judgement, and read it if it opens an incident."""
        super().handle_judgement(judgement)
        if isinstance(judgement, Incident) and judgement.revision == 1:
            self._env.call_later(READ_S, partial(self._acknowledge, judgement))

    def _acknowledge(self, incident: Incident) -> None:
        action = IncidentAction(
            incident_id=incident.incident_id,
            kind=ActionKind.ACKNOWLEDGE,
            by="Ada",
            at=incident.at + READ_S,
        )
        self.judge_entry(PersonActed(self._env.now_s(), action))


def test_a_broken_operator_is_one_message_from_its_first_car_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Named before anybody calls, acknowledged, and over by itself with how long it lasted.

    That half of its customers fail, ten at least, is a reply that the channel shows. By then it
    says why its cars are lost.
    """
    monkeypatch.setattr(virtual_runs, "VirtualRun", OnCall)
    changes = [f"fleet.groups.{number}.count=40" for number in range(GROUPS)]
    changes += [f"customers.stages={STAGES}", f"faults.0.window={BREAKS}"]
    scenario = load_scenario(SCENARIOS["operator_in_a_city"], changes)
    run_virtually(scenario, tmp_path / "city", seed=23)
    revisions = [*JsonLines(tmp_path / "city" / INCIDENTS, Incident)]
    called_at = min(one.at for one in JsonLines(tmp_path / "city" / COMPLAINTS, Complaint))

    slack = VirtualSlack()
    began_at = revisions[0].at - slack.now.unix_s
    for one in revisions:
        slack.run(max(one.at - began_at - slack.now.unix_s, 0.0))
        slack.tell(one)
    slack.run()

    message, *others = [one for one in slack.taken if one.part is not DisplayPart.HISTORY]
    assert [one.part for one in others] == [DisplayPart.WORSE, DisplayPart.ENDED]
    assert others[0].incident.mode == "regional_carrier_outage"
    assert message.at_s + EPOCH_S + began_at < called_at
    assert message.incident.cohort == {"region": "north", "operator": "operator-b"}
    shown = [incident for _, incident in message.edits]
    assert any(one.acknowledged_by == "Ada" and not one.ended_at for one in shown)
    end = message.shows
    assert (end.state, end.mode) == (IncidentState.RESOLVED, "regional_carrier_outage")
    assert end.customers > message.incident.customers
    assert end.changes[-1].kind is ChangeKind.RESOLVED
    assert end.changes[-1].sentence.endswith(" min")
    assert end.ended_at is not None
    assert 180 < end.ended_at - end.since < 420
