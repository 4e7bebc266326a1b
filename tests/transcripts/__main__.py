"""Play transcripts, and write what comes of their events today: `--renew [FILE...]`.

Look at what differs before it is committed: a transcript says what is right.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from tests.helpers.api_player import ApiPlayer
from tests.helpers.broker_player import BrokerPlayer
from tests.helpers.car_player import CarPlayer
from tests.helpers.config_player import ConfigPlayer
from tests.helpers.count_player import CountPlayer, LogPlayer
from tests.helpers.delivery_player import DeliveryPlayer
from tests.helpers.detection_player import DetectionPlayer
from tests.helpers.draft_player import DraftPlayer
from tests.helpers.export_player import ExportPlayer
from tests.helpers.group_player import GroupPlayer
from tests.helpers.inbox_player import InboxPlayer
from tests.helpers.incident_player import IncidentPlayer
from tests.helpers.join_player import JoinPlayer
from tests.helpers.lines_player import LinesPlayer
from tests.helpers.link_player import LinkPlayer
from tests.helpers.live_health_player import LiveHealthPlayer
from tests.helpers.places import ROOT
from tests.helpers.platform_player import PlatformPlayer
from tests.helpers.probe_player import ProbePlayer
from tests.helpers.profile_player import ProfilePlayer
from tests.helpers.progress_player import ProgressPlayer
from tests.helpers.relock_player import RelockPlayer
from tests.helpers.run_player import RunPlayer
from tests.helpers.settings_player import SettingsPlayer
from tests.helpers.slack_player import SlackPlayer
from tests.helpers.store_player import StorePlayer
from tests.helpers.sweep_player import SweepPlayer
from tests.helpers.track_player import TrackPlayer
from tests.helpers.transcripts import Player, renew
from tests.helpers.truth_player import TruthPlayer
from tests.helpers.watch_player import WatchPlayer

ATTEMPTS = ROOT / "tests/platform_probe/measure/attempts"
TRACKED = ("absent_evidence", "conclusion", "gaps", "tracker")
BROKER = ROOT / "tests/fleet_sim/broker/model"
CARS = ROOT / "tests/fleet_sim/cars"
DETECTION = ROOT / "tests/platform_probe/judge/detection"
FAULTS = ROOT / "tests/fleet_sim/faults"
PLATFORM = ROOT / "tests/fleet_sim/platform"
CUSTOMERS = ROOT / "tests/fleet_sim/customers"
ON_PLATFORM = ("abuse", "bookings", "commands", "gateway", "phone", "platform")
DIAGNOSIS = ROOT / "tests/platform_probe/judge/diagnosis"
INCIDENTS = ROOT / "tests/platform_probe/judge/incidents"
COMMANDS = ROOT / "tests/platform_probe/commands"
CONSOLE = ROOT / "tests/platform_probe/web/console"
PROFILES = ROOT / "tests/fleet_wire/profiles"
RUNS = ROOT / "tests/fleet_sim/results"
SIM_COMMANDS = ROOT / "tests/fleet_sim/commands"
TRUTH = ROOT / "tests/fleet_sim/truth"
SUPPORT = ROOT / "tests/platform_probe/tell/support"
PLAYERS: dict[Path, Callable[[], Player]] = {
    **dict.fromkeys(sorted(ATTEMPTS.glob("*.txt")), JoinPlayer),
    **{ATTEMPTS / f"{name}.txt": TrackPlayer for name in TRACKED},
    **dict.fromkeys(sorted(BROKER.glob("*.txt")), BrokerPlayer),
    **dict.fromkeys(sorted(CARS.glob("*.txt")), CarPlayer),
    **dict.fromkeys(sorted(DETECTION.glob("*.txt")), DetectionPlayer),
    **dict.fromkeys(sorted(FAULTS.glob("*.txt")), CarPlayer),
    **{FAULTS / f"{name}.txt": PlatformPlayer for name in ON_PLATFORM},
    **dict.fromkeys(sorted(CUSTOMERS.glob("*.txt")), PlatformPlayer),
    **dict.fromkeys(sorted(PLATFORM.glob("*.txt")), PlatformPlayer),
    **dict.fromkeys(sorted(DIAGNOSIS.glob("*.txt")), WatchPlayer),
    **dict.fromkeys(sorted(INCIDENTS.glob("*.txt")), IncidentPlayer),
    **dict.fromkeys(sorted(COMMANDS.glob("*.txt")), StorePlayer),
    **dict.fromkeys(sorted(CONSOLE.glob("*.txt")), StorePlayer),
    **dict.fromkeys(sorted(PROFILES.glob("*.txt")), ProfilePlayer),
    **dict.fromkeys(sorted(SUPPORT.glob("*.txt")), StorePlayer),
    **dict.fromkeys(sorted(RUNS.glob("*.txt")), RunPlayer),
    **dict.fromkeys(sorted(SIM_COMMANDS.glob("*.txt")), RunPlayer),
    **dict.fromkeys(sorted(TRUTH.glob("*.txt")), TruthPlayer),
    ROOT / "tests/fleet_sim/api/requests.txt": ApiPlayer,
    ROOT / "tests/fleet_sim/sweeps/report.txt": SweepPlayer,
    ROOT / "tests/fleet_wire/config/config.txt": ConfigPlayer,
    ROOT / "tests/fleet_sim/runs/progress.txt": ProgressPlayer,
    ROOT / "tests/fleet_wire/links/lean/link.txt": LinkPlayer,
    ROOT / "tests/fleet_sim/runs/live/health.txt": LiveHealthPlayer,
    ROOT / "tests/platform_probe/outputs/counts.txt": CountPlayer,
    ROOT / "tests/platform_probe/outputs/log.txt": LogPlayer,
    ROOT / "tests/platform_probe/outputs/otlp/exported.txt": ExportPlayer,
    ROOT / "tests/platform_probe/learn/drafting.txt": DraftPlayer,
    ROOT / "tests/platform_probe/measure/watching/group.txt": GroupPlayer,
    ROOT / "tests/platform_probe/measure/watching/inbox.txt": InboxPlayer,
    ROOT / "tests/platform_probe/measure/watching/lines.txt": LinesPlayer,
    ROOT / "tests/platform_probe/measure/watching/other_wires.txt": InboxPlayer,
    ROOT / "tests/platform_probe/measure/probe.txt": ProbePlayer,
    ROOT / "tests/platform_probe/measure/doors/relocks.txt": RelockPlayer,
    ROOT / "tests/platform_probe/store/files.txt": StorePlayer,
    ROOT / "tests/platform_probe/tell/messages/deliveries.txt": DeliveryPlayer,
    ROOT / "tests/platform_probe/settings/settings.txt": SettingsPlayer,
    ROOT / "tests/platform_probe/tell/messages/slack_outbox.txt": SlackPlayer,
    ROOT / "tests/platform_probe/tell/messages/slack_texts.txt": SlackPlayer,
}


def main() -> None:
    """Write the transcripts that are named, or all."""
    match sys.argv[1:]:
        case ["--renew", *names]:
            paths = [Path(name).resolve() for name in names]
            if unknown := [str(path) for path in paths if path not in PLAYERS]:
                sys.exit(f"no transcript: {', '.join(unknown)}; name a file, or none for all")
            for path in paths or PLAYERS:
                renew(path, PLAYERS[path])
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
