"""Draws pictures of the docs from runs in virtual time.

The same seed gives the same runs, so a picture changes only with the facts that it shows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import wrap
from typing import Any, Final

from fleet_sim.scenario.loading import load_scenario
from fleet_wire.contract.attempt import Stage
from tests.helpers.commands import lines
from tests.helpers.virtual_runs import SCENARIOS, run_virtually

WIDTH: Final = 900
MOST_LETTERS: Final = 120
"""In a line over the whole width."""
LINE: Final = 18
"""Pixels from one line of text to the next."""
LOSING: Final = (
    "underground_garage", "ack_lost_executed", "app_gateway_outage", "ack_without_actuation",
    "expired_by_skewed_box_clock", "one_way_downlink", "slow_wake_client_timeout",
    "tls_cert_expired", "wrong_vehicle_state",
)  # fmt: skip
"""Scenarios that lose unlocks at different stages."""
STYLE: Final = (
    "text{font:13px sans-serif;fill:#222}.b{font-weight:bold}.m{fill:#666}"
    "rect{fill:#eef1fb;stroke:#4051b5}.bad{fill:#fdeaea;stroke:#c62828}path{stroke:#666;fill:none}"
)


def records_of(name: str, *files: str) -> list[list[dict[str, Any]]]:
    """Run a shipped scenario in virtual time; return the lines of each of these files."""
    scenario = load_scenario(SCENARIOS[name])
    with TemporaryDirectory() as parent:
        directory = Path(parent) / name
        run_virtually(scenario, directory, seed=scenario.seed or 1)
        return [[*lines(directory / file)] for file in files]


def last_revisions(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the last revision of each attempt."""
    return [*{record["attempt_id"]: record for record in records}.values()]


def text(x: float, y: float, words: str, kind: str = "") -> str:
    """Return a line of text."""
    return f'<text x="{x:g}" y="{y:g}" class="{kind}">{escape(words)}</text>'


def box(x: float, y: float, width: float, height: float, kind: str = "") -> str:
    """Return a box with round corners."""
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="6" class="{kind}"/>'
    )


def picture(height: float, title: str, parts: Sequence[str]) -> str:
    """Return an SVG on white, so that it can be read on a dark page too."""
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" role="img">',
            f"<title>{escape(title)}</title><style>{STYLE}</style>",
            f'<rect width="{WIDTH}" height="{height:g}" style="fill:#fff;stroke:none"/>',
            *parts,
            "</svg>\n",
        ]
    )


def stages() -> str:
    """Draw the stages of an unlock, each with the causes of the unlocks that got no farther."""
    lost: dict[str, Counter[str]] = {stage: Counter() for stage in Stage}
    for name in LOSING:
        (attempts,) = records_of(name, "attempts.jsonl")
        for record in last_revisions(attempts):
            reached = [stage for stage in Stage if stage in record["stages"]]
            if record["cause"] and reached:
                lost[reached[-1]][record["cause"]] += 1
    step = 50
    parts = [text(40, 24, "An unlock passes these stages.", "b")]
    parts.append(text(330, 24, "Unlocks that got no farther, by their cause", "b"))
    for number, stage in enumerate(Stage):
        y = 40 + number * step
        parts += [box(40, y, 190, 30), text(52, y + 20, stage)]
        if number:
            parts.append(f'<path d="M135 {y - step + 30}V{y}"/>')
        if lost[stage]:
            words = ", ".join(f"{cause} ({many})" for cause, many in lost[stage].most_common())
            parts += [f'<path d="M230 {y + 15}H320"/>', box(320, y, 560, 30, "bad")]
            parts.append(text(332, y + 20, words))
    return picture(50 + step * len(Stage), "Stages of an unlock, with causes", parts)


def incident() -> str:
    """Draw the life of an incident: its customers over time, and each change of it."""
    (found,) = records_of("operator_in_a_city", "incidents.jsonl")
    revisions = [one for one in found if one["incident_id"] == found[0]["incident_id"]]
    since, last = float(revisions[0]["since"]), float(revisions[-1]["at"])
    many = max(one.get("customers") or 0 for one in revisions)
    left, top, wide, high = 60.0, 60.0, 800.0, 180.0

    def x(at: float) -> float:
        return round(left + float(at - since) / (last - since) * wide, 1)

    def y(customers: float) -> float:
        return round(top + high - customers / many * high, 1)

    parts = [text(40, 24, revisions[-1]["title"], "b"), text(40, 46, "customers hit", "m")]
    parts += [f'<path d="M{left:g} {top:g}V{top + high:g}H{left + wide:g}"/>']
    parts += [text(20, top + 8, str(many), "m"), text(30, top + high, "0", "m")]
    line = f"M{x(since)} {y(0)}"
    for number, one in enumerate(revisions, start=1):
        line += f"H{x(one['at'])}V{y(one.get('customers') or 0)}"
        kind = one["changes"][-1]["kind"]
        label = top + high + 50 + number * LINE
        parts.append(f'<circle cx="{x(one["at"])}" cy="{y(one.get("customers") or 0)}" r="4"/>')
        parts.append(text(x(one["at"]) + 6, y(one.get("customers") or 0) - 6, str(number)))
        seconds = one["at"] - since
        parts.append(text(60, label, f"{number}.  after {seconds:.0f} s: {kind}: {one['title']}"))
    parts.append(f'<path d="{line}" style="stroke:#4051b5;stroke-width:2"/>')
    for minute in range(int((last - since) // 60) + 1):
        at = x(since + 60 * minute)
        parts.append(f'<path d="M{at:g} {top + high:g}v5"/>')
        parts.append(text(at - 4, top + high + 20, str(minute), "m"))
    parts.append(text(left + wide - 170, top + high + 40, "minutes since it began", "m"))
    return picture(top + high + 70 + LINE * len(revisions), "The life of an incident", parts)


def diagnosis() -> str:
    """Draw the path from a fault to its diagnosis, for one unlock of a car in a garage."""
    vehicle = "garage-00037"
    attempts, diagnoses, truth = records_of(
        "underground_garage", "attempts.jsonl", "diagnoses.jsonl", "ground_truth.jsonl"
    )
    final = [one for one in diagnoses if one["vehicle_id"] == vehicle][-1]
    record = next(
        one for one in last_revisions(attempts) if one["attempt_id"] == final["attempt_id"]
    )
    injection = truth[0]
    columns = [
        ("1. The simulator injects", [injection["fault"], f"on {len(injection['vehicles'])} cars",
                                      "The monitor is not told."]),
        ("2. The unlock stops", [*record["stages"], f"then {record['total_s']:g} s of silence"]),
        ("3. The record says", [f"cause {record['cause']}", f"outcome {record['outcome']}"]),
        ("4. The diagnosis says", [
            f"{mode['probability']:.0%} {mode['mode']}" for mode in final["modes"][:2]
        ]),
    ]  # fmt: skip
    width = (WIDTH - 60) / len(columns)
    most = max(len(words) for _, words in columns)
    parts = [text(20, 24, f"One unlock of {vehicle} in scenarios/underground_garage.yaml", "b")]
    for number, (head, words) in enumerate(columns):
        at = 20 + number * (width + 6)
        parts += [box(at, 40, width, 40 + LINE * most), text(at + 10, 62, head, "b")]
        parts += [text(at + 10, 84 + LINE * row, line) for row, line in enumerate(words)]
    below = 110 + LINE * most
    facts = [fact["sentence"] for fact in final["facts"]][:6]
    parts.append(text(20, below, "Some of the evidence:", "b"))
    shown = [line for fact in facts for line in wrap(fact, MOST_LETTERS, subsequent_indent="    ")]
    parts += [text(20, below + LINE * (row + 1), line) for row, line in enumerate(shown)]
    return picture(below + LINE * (len(shown) + 2), "From a fault to its diagnosis", parts)
