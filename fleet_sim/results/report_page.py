"""The words, cards and tables of the report. The plots are drawn in `fleet_sim.results.report`."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from fleet_sim.results import readable
from fleet_sim.results.markup import Content, Markup, element, table
from fleet_sim.results.report_data import InjectedFault, RunData
from fleet_wire.contract.causes import CAUSES, Cause, Outcome, Party

OUTCOME_COLOURS = {
    Outcome.OK: "#0b9e77",
    Outcome.REFUSED: "#e3a008",
    Outcome.FAILED: "#d1481f",
    Outcome.UNKNOWN: "#8460d0",
}
"""After Okabe and Ito (Color Universal Design, 2008): apart for every common kind of sight."""

_PARTY_SHADES: dict[Party, tuple[str, ...]] = {
    Party.PLATFORM: ("#1f6fb2", "#5aa2dd", "#a3cdf0"),
    Party.BROKER: ("#7a5230", "#ad8357", "#d6bb98"),
    Party.NETWORK: ("#6a45c2", "#9a7be0", "#c3aef2", "#4a2d8f"),
    Party.BOX: ("#e08e0b", "#f4b740", "#b86e00", "#f8d78c", "#8a5200"),
    Party.VEHICLE: ("#c8401a", "#e9825f", "#8f2a0d"),
    Party.PROBE: ("#6b7680",),
    Party.NOBODY_KNOWS: ("#a4adb5",),
}
PARTY_NAMES = {party: party.value.replace("_", " ") for party in Party}
WORST_VEHICLES = 20


def _cause_colours() -> dict[Cause, str]:
    shades = {party: iter(colours) for party, colours in _PARTY_SHADES.items()}
    return {cause: next(shades[info.party]) for cause, info in CAUSES.items()}


CAUSE_COLOURS = _cause_colours()
"""One hue a party, one shade a cause: whose fault it was shows first."""


@dataclass(frozen=True, slots=True)
class Page:
    """What the words of a report are made from."""

    name: str
    summary: Mapping[str, Any]
    data: RunData
    scenario_text: str

    def number(self, key: str) -> Any:
        """Return the value at a dotted key of the summary, or None."""
        here: Any = self.summary
        for part in key.split("."):
            here = here.get(part) if isinstance(here, Mapping) else None
        return here

    @property
    def verdicts(self) -> list[Mapping[str, Any]]:
        """What was expected: `key`, `condition`, `value`, `holds`."""
        return list(self.summary.get("expect") or [])


def header(page: Page) -> Markup:
    """Return the title, the verdict and what kind of run it was."""
    rate = page.number("connect.rate_per_s")
    facts = {
        "seed": page.number("seed"),
        "mode": page.number("mode"),
        "broker": page.number("broker"),
        "cars": readable.count(page.number("boxes.configured")),
        "connected": rate and f"{readable.count(round(rate))} a second",
        "started": _stamp(page.data.manifest.get("started_at")),
    }
    return element(
        "header",
        element(
            "div",
            element("h1", page.name),
            _badge(page),
            class_="title",
        ),
        element("p", str(page.data.scenario.get("description") or ""), class_="description"),
        element(
            "dl",
            [
                element("div", element("dt", name), element("dd", str(fact)))
                for name, fact in facts.items()
                if fact is not None
            ],
            class_="facts",
        ),
        element("p", _headline(page), class_="headline"),
    )


def _badge(page: Page) -> Markup:
    failed = sum(not row.get("holds") for row in page.verdicts)
    if not page.verdicts:
        return element("span", "Nothing expected", class_="badge none")
    if failed:
        text = f"✗ Fail: {failed} of {len(page.verdicts)} expectations"
        return element("span", text, class_="badge fail")
    return element("span", "✓ Pass", class_="badge pass")


def _stamp(started_at: Any) -> str | None:
    if isinstance(started_at, int | float) and not isinstance(started_at, bool):
        return datetime.fromtimestamp(started_at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return None if started_at is None else str(started_at)


def _headline(page: Page) -> Content:
    """Return the run in two sentences."""
    total = page.number("attempts.total")
    if not total:
        return "No unlock ended during this run, so there is nothing to judge."
    opened = page.number("attempts.by_outcome.ok") or 0
    by_cause = page.number("attempts.by_cause") or {}
    most = max(by_cause, key=lambda cause: by_cause[cause], default=None)
    half = f"half of all within {readable.duration(page.number('unlock.p50_s'))}"
    sentences = [
        element("strong", f"{readable.count(opened)} of {readable.count(total)} unlocks opened"),
        f" ({readable.share(opened / total)}), {half}. ",
    ]
    if most is not None and by_cause[most]:
        sentences += [
            "The most frequent cause of the others was ",
            element("strong", most),
            f" ({readable.count(by_cause[most])}): {_explanation(most)}",
        ]
    return sentences


def _explanation(cause: str) -> str:
    return CAUSES[Cause(cause)].explanation if cause in {known.value for known in Cause} else ""


def outcome_bar(page: Page) -> Markup:
    """Return all unlocks as one bar, divided by outcome."""
    total = page.number("attempts.total")
    if not total:
        return Markup("")
    counts = [
        (outcome, page.number(f"attempts.by_outcome.{outcome.value}") or 0) for outcome in Outcome
    ]
    parts = [
        element("i", style=f"width:{100 * number / total:.3f}%;background:{OUTCOME_COLOURS[name]}")
        for name, number in counts
    ]
    keys = [
        element(
            "span",
            swatch(OUTCOME_COLOURS[name]),
            element("strong", readable.count(number)),
            f" {name.value} ({readable.share(number / total)})",
        )
        for name, number in counts
    ]
    return element(
        "section",
        element("div", parts, class_="bar"),
        element("p", keys, class_="keys"),
        class_="outcomes",
    )


def cards(page: Page) -> Markup:
    """Return the row of big numbers; one stands out when an expectation on it does not hold."""
    number, duration, count = page.number, readable.duration, readable.count
    memory = number("fleet.rss_bytes_per_box")
    boxes = f"of {count(number('boxes.configured'))} boxes"
    boxes += "" if memory is None else f", {readable.bytes_size(memory)} each"
    figures = {
        "attempts.total": ("Unlocks", count, f"{count(len(page.data.cars))} cars asked"),
        "attempts.ok_share": ("Opened", readable.share, "of all unlocks"),
        "unlock.p50_s": ("p50", duration, "half of all took at most this"),
        "unlock.p95_s": ("p95", duration, "a timeout counts at its deadline"),
        "unlock.p99_s": ("p99", duration, "the slowest in a hundred"),
        "stray.late": ("Late answers", count, "opened after the deadline"),
        "boxes.connected_max": ("Connected", count, boxes),
        "probe.schedule_lag_p99_s": (
            "Schedule lag",
            duration,
            f"p99; {count(number('probe.dropped') or 0)} starts dropped",
        ),
        "floor.p50_s": ("Floor p50", duration, "a box that takes no time itself"),
    }
    return element(
        "section",
        [
            element(
                "div",
                element("h3", label),
                element("p", as_text(number(key)), class_="figure"),
                element("p", note, class_="note"),
                class_=f"card {_tone(page, key)}".strip(),
            )
            for key, (label, as_text, note) in figures.items()
        ],
        class_="cards",
    )


def _tone(page: Page, key: str) -> str:
    verdicts = [bool(row.get("holds")) for row in page.verdicts if row.get("key") == key]
    if verdicts:
        return "pass" if all(verdicts) else "fail"
    return "warn" if key == "stray.late" and page.number(key) else ""


def expectations(page: Page) -> Markup:
    """Return each expectation with what was measured."""
    rows = [
        (
            element("code", str(row.get("key"))),
            readable.condition(row.get("condition")),
            readable.value(row.get("value")),
            element("span", "✓ holds", class_="mark pass")
            if row.get("holds")
            else element("span", "✗ does not hold", class_="mark fail"),
        )
        for row in page.verdicts
    ]
    if not rows:
        return element("p", "The scenario expects nothing.", class_="empty")
    return table(["Key", "#Expected", "#Measured", "Verdict"], rows)


def faults(page: Page) -> Markup:
    """Return what was injected, from the ground truth: the probe does not see this."""
    if not page.data.faults:
        return element("p", "No fault was injected.", class_="empty")
    rows = [
        (element("code", fault.fault), _window(fault), readable.count(len(fault.vehicles)))
        for fault in sorted(page.data.faults, key=lambda fault: fault.start_s)
    ]
    return table(["Fault", "#Window", "#Cars"], rows)


def _window(fault: InjectedFault) -> str:
    return f"{fault.start_s:g} to {fault.end_s:g} s"


def causes(page: Page) -> Markup:
    """Return every cause that occurred, with what it means for the customer."""
    by_cause = page.number("attempts.by_cause") or {}
    total = page.number("attempts.total") or 0
    occurred = sorted(
        ((cause, by_cause.get(cause.value, 0)) for cause in Cause), key=lambda pair: -pair[1]
    )
    rows = [
        (
            (swatch(CAUSE_COLOURS[cause]), element("code", cause.value)),
            PARTY_NAMES[CAUSES[cause].party],
            (swatch(OUTCOME_COLOURS[CAUSES[cause].outcome]), CAUSES[cause].outcome.value),
            readable.count(number),
            readable.share(number / total),
            CAUSES[cause].explanation,
        )
        for cause, number in occurred
        if number and total
    ]
    if not rows:
        return element("p", "Nothing went wrong.", class_="empty")
    headings = ["Cause", "Whose", "Outcome", "#Unlocks", "#Share", "What it means"]
    return table(headings, rows)


def swatch(colour: str) -> Markup:
    """Return a small square of a colour, as in a legend."""
    return element("i", class_="swatch", style=f"background:{colour}")


def vehicles(page: Page) -> Markup:
    """Return the cars that failed most, and whether a fault had been injected into them."""
    worst = page.data.worst_cars(WORST_VEHICLES)
    if not worst:
        return element("p", "No car failed.", class_="empty")
    injected: dict[str, list[str]] = {}
    for fault in page.data.faults:
        for vehicle_id in fault.vehicles:
            injected.setdefault(vehicle_id, []).append(fault.fault)
    rows = [
        (
            element("code", car.vehicle_id),
            f"{car.not_ok} of {car.attempts}",
            [
                element("span", swatch(CAUSE_COLOURS[cause]), f"{cause.value} × {number}")  # noqa: RUF001
                for cause, number in car.causes.most_common()
            ],
            ", ".join(dict.fromkeys(injected.get(car.vehicle_id, []))) or readable.NOTHING,
            car.region or readable.NOTHING,
            car.firmware or readable.NOTHING,
        )
        for car in worst
    ]
    headings = ["Car", "#Not opened", "Causes", "Injected fault", "Region", "Firmware"]
    return table(headings, rows)


def vehicles_caption(page: Page) -> str:
    """Return how many cars failed, and how many of them the table shows."""
    failing = sum(vehicle.not_ok > 0 for vehicle in page.data.cars.values())
    shown = f", the worst {WORST_VEHICLES} below" if failing > WORST_VEHICLES else ""
    return (
        f"{readable.count(failing)} of {readable.count(len(page.data.cars))} cars asked for "
        f"had an unlock that did not end well{shown}."
    )


def scenario(page: Page) -> Markup:
    """Return the scenario as it was run, folded."""
    return element(
        "details",
        element("summary", "The scenario as it was run"),
        element("pre", page.scenario_text),
    )


def footer(page: Page) -> Markup:
    """Return how to get the same run again."""
    manifest = page.data.manifest
    words = ["fleet-sim", "run", str(manifest.get("scenario_file") or "SCENARIO")]
    words += ["--seed", str(page.number("seed"))]
    for override in manifest.get("overrides") or []:
        words += ["--set", str(override)]
    return element("footer", "The same run again: ", element("code", shlex.join(words)))
