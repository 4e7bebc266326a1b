"""The command `fleet-sim faults`: what can go wrong, and how a scenario makes it go wrong."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, Final, NamedTuple

import click

from fleet_sim.cars.distributions import LogNormal, Quantiles, Uniform
from fleet_sim.commands.scenario_path import ScenarioPath
from fleet_sim.faults import FAULTS, Fault, Layer, Need
from fleet_wire.config.file import load_document
from fleet_wire.error_text import suggestion
from fleet_wire.errors import ConfigError

WIDEST_PARAMETER = 28
"""A longer parameter with its default has a line of its own above its description."""

ShownBy = Mapping[str, Sequence[Path]]
"""The scenarios in which a fault occurs, by the name of the fault."""


@click.command()
@click.argument("name", required=False)
@click.option("--markdown", is_flag=True, help="Print two tables for a page instead.")
@click.option(
    "--scenarios",
    type=ScenarioPath(file_okay=False),
    default="scenarios",
    show_default=True,
    help="Where to look for scenarios that show a fault.",
)
def faults(*, name: str | None, markdown: bool, scenarios: Path) -> None:
    """List the faults: what each one looks like, and its parameters.

    The command lists all faults briefly, by layer, from the customer's phone to the car and its
    attackers. With NAME it shows one fault in full, and the lines that inject it in a scenario.

    `customer` is what support may tell a customer, and `support` what it does; `fix` is the later
    step of whoever must act. `seen` is the cause that the monitor gives, and the mode's title.
    `evidence` lists public reports. `alone` and `needs` are checked when a scenario is loaded. Each
    parameter has its default, its meaning, its allowed values and its unit. A time is a number of
    seconds or a distribution. docs/faults.md says more.

    \b
    fleet-sim faults                     all
    fleet-sim faults no_coverage_garage  one, and how to inject it
    fleet-sim faults --markdown          all, as tables
    """  # noqa: D301 - click's own escape
    chosen = [_fault_called(name)] if name else sorted(FAULTS.values(), key=_sort_key)
    shown_by = scenarios_that_show(scenarios, name or "")
    if markdown:
        click.echo("\n".join(_tables(chosen, shown_by)))
        return
    page = click.get_current_context().make_formatter()
    if name is None:
        _write_list(page, chosen)
    else:
        _write_in_full(page, chosen[0], shown_by)
        _write_example(page, chosen[0])
    click.echo(page.getvalue(), nl=False)


def _fault_called(name: str) -> type[Fault]:
    if name not in FAULTS:
        raise ConfigError([f"unknown fault '{name}'{suggestion(name, sorted(FAULTS))}"])
    return FAULTS[name]


def _sort_key(fault: type[Fault]) -> tuple[int, str]:
    """Return where a fault stands in the list: with those of its layer, by name."""
    return [*Layer].index(fault.layer), fault.name


def scenarios_that_show(directory: Path, word: str = "") -> ShownBy:
    """Return which of the scenarios in a directory name which fault; what is none is left out.

    Files in which `word` does not occur are passed over: to parse all takes a third of a second.
    """
    found: dict[str, list[Path]] = defaultdict(list)
    for path in sorted(directory.glob("*.yaml")):
        try:
            if word.encode() not in path.read_bytes():
                continue
            entries = load_document(path).values["faults"]
            for name in {str(entry["name"]) for entry in entries}:
                found[name].append(path)
        except (ConfigError, KeyError, OSError, TypeError):
            continue
    return found


# For people


def _write_list(page: click.HelpFormatter, chosen: Sequence[type[Fault]]) -> None:
    for layer, of_layer in groupby(chosen, key=lambda fault: fault.layer):
        page.write_text(layer)
        page.write_paragraph()
        with page.indentation():
            for fault in of_layer:
                _write_entry(page, fault, _facts_in_short(fault))
                page.write_paragraph()
    others = ", ".join(fault.name for fault in chosen if fault.mode is None)
    page.write_text(
        f"These are the failure modes of docs/modes.md, and {others}: of that an unlock is only"
        " late, so it is no way in which a car does not open."
    )
    page.write_text("fleet-sim faults NAME shows one in full, and how to inject it.")


def _write_in_full(page: click.HelpFormatter, fault: type[Fault], shown_by: ShownBy) -> None:
    _write_entry(page, fault, _facts(fault, shown_by))
    with page.indentation():
        if fault.model_fields:
            page.write_paragraph()
            page.write_dl(
                [
                    (f"{each.key} = {each.in_words}", f"{each.meaning}; may be {each.may_be}")
                    for each in parameters_of(fault)
                ],
                col_max=WIDEST_PARAMETER,
            )


def _write_entry(
    page: click.HelpFormatter, fault: type[Fault], facts: Iterator[tuple[str, str]]
) -> None:
    page.write(f"{'':>{page.current_indent}}{click.style(fault.name, bold=True)}\n")
    with page.indentation():
        page.write_text(fault.summary)
        if listed := list(facts):
            page.write_dl(listed)


def _facts_in_short(fault: type[Fault]) -> Iterator[tuple[str, str]]:
    if fault.mode is not None:
        yield "customer", fault.mode.spoken
        yield "seen", fault.conclusion()


def _facts(fault: type[Fault], shown_by: ShownBy) -> Iterator[tuple[str, str]]:
    yield "layer", fault.layer
    if fault.mode is not None:
        yield "number", str(fault.mode.number)
        yield "customer", fault.mode.spoken
        yield "support", fault.mode.now
        if fault.mode.mend:
            yield "fix", fault.mode.mend
        yield "seen", fault.conclusion()
        if fault.mode.evidence:
            yield "evidence", "; ".join(fault.mode.evidence)
    for claim in sorted(fault.claims, key=lambda claim: claim.name):
        sharers = sorted(name for name, other in FAULTS.items() if claim in other.claims)
        which = f"one of {', '.join(sharers)}" if len(sharers) > 1 else "one"
        yield "alone", f"{which} at a time on a car: {claim.value}"
    for need in sorted(fault.needs, key=lambda need: need.name):
        yield "needs", need.value
    if Need.SHARED_ANSWERS in fault.needs:
        yield "needs", "learns_from_state: false, so that the platform goes by answers alone"
    if fault.name in shown_by:
        yield "scenario", ", ".join(map(str, shown_by[fault.name]))


def _write_example(page: click.HelpFormatter, fault: type[Fault]) -> None:
    page.write_paragraph()
    page.write_text("In a scenario, on a tenth of the cars, with its defaults:")
    page.write_paragraph()
    page.write("".join(f"  {line}\n" for line in example(fault)))


def example(fault: type[Fault]) -> list[str]:
    """Return the lines of a scenario that inject a fault with its defaults."""
    lines = [
        "faults:",
        f"  - name: {fault.name}",
        "    target: { share: 0.1 }",
        "    window: { start_s: 10, end_s: 40 }",
    ]
    parameters = parameters_of(fault)
    if parameters:
        lines.append("    parameters:")
    lines += [f"      {each.key}: {each.in_yaml}" for each in parameters]
    if Need.CUSTOMERS in fault.needs:
        stage = "{ kind: poisson, rate_per_s: 1, duration_s: 60 }"
        lines += ["customers:", f"  stages: [{stage}]"]
    if Need.SHARED_ANSWERS in fault.needs:
        return [*lines, "platform: { shared_group: members, learns_from_state: false }"]
    return [*lines, "platform: {}"] if Need.PLATFORM in fault.needs else lines


class Parameter(NamedTuple):
    """A parameter of a fault, its default and what it means."""

    key: str
    in_words: str
    """The default, as a person would say it."""
    in_yaml: str
    """The default, as a scenario would say it."""
    meaning: str
    may_be: str
    """The allowed values, with their unit."""


def parameters_of(fault: type[Fault]) -> list[Parameter]:
    """Return the parameters of a fault, in the order of its fields."""
    defaults = fault()
    plain = defaults.model_dump(mode="json")
    schema = fault.model_json_schema()
    known = schema.get("$defs", {})
    return [
        Parameter(
            key=key,
            in_words=in_words(getattr(defaults, key), otherwise=as_yaml(plain[key])),
            in_yaml=as_yaml(plain[key]),
            meaning=field.description or "",
            may_be=may_be(schema["properties"][key], known, _unit_of(key)),
        )
        for key, field in fault.model_fields.items()
    ]


def may_be(schema: Mapping[str, Any], known: Mapping[str, Any], unit: str) -> str:
    """Return what a value may be by its JSON schema, as a person would say it.

    `known` are the schemas that it may refer to; `unit` is that of a number.
    """
    said = "text"
    match schema:
        case {"$ref": str(place)}:
            said = may_be(known[place.rpartition("/")[2]], known, unit)
        case {"anyOf": [{"type": "number"} as seconds, {"$ref": _}, *_]}:
            said = f"{may_be(seconds, known, ' s')}, or a distribution"
        case {"anyOf": [*choices]}:
            said = " or ".join(may_be(choice, known, unit) for choice in choices)
        case {"enum": [*words]}:
            said = " or ".join(filter(None, (", ".join(map(str, words[:-1])), str(words[-1]))))
        case {"type": "array", "items": items}:
            said = f"a list, each {may_be(items, known, unit)}"
        case {"type": "boolean"}:
            said = "true or false"
        case {"type": "integer" | "number"}:
            said = f"{_bounds(schema)}{unit}"
        case {"type": "null"}:
            said = "null"
    return said


def _bounds(schema: Mapping[str, Any]) -> str:
    """Return between which numbers a number may be, or that it may be any."""
    least, above = schema.get("minimum"), schema.get("exclusiveMinimum")
    most = schema.get("maximum")
    low = f"more than {_number(above)}" if least is None and above is not None else None
    if least is not None:
        low = _number(least)
    if most is None:
        return "any number" if low is None else f"{low} or more" if above is None else low
    return f"up to {_number(most)}" if low is None else f"{low} to {_number(most)}"


_UNITS: Final = {
    "per_min": " a minute", "per_s": " a second", "per_h": " an hour", "bytes": " bytes",
    "s": " s", "m": " m", "v": " V", "db": " dB",
}  # fmt: skip
"""Units by how the names of parameters end."""


def _unit_of(key: str) -> str:
    """Return the unit of a number, as its name says it; nothing for a share or a count."""
    return next((unit for end, unit in _UNITS.items() if key.endswith(f"_{end}")), "")


def in_words(value: Any, *, otherwise: str) -> str:
    """Return a delay as a person would say it; `otherwise` for a value of another kind."""
    match value:
        case Uniform(spread_s=0):
            return f"{_number(value.base_s)} s"
        case Uniform():
            return f"{_number(value.base_s)} to {_number(value.base_s + value.spread_s)} s"
        case LogNormal():
            return f"median {_number(value.median_s)} s, sigma {_number(value.sigma)}"
        case Quantiles():
            return f"{_number(value.at_s(0))} to {_number(value.at_s(1))} s"
    return otherwise


def as_yaml(value: Any) -> str:
    """Return a plain value on one line of YAML."""
    match value:
        case dict():
            return f"{{ {', '.join(f'{key}: {as_yaml(each)}' for key, each in value.items())} }}"
        case list():
            return f"[{', '.join(map(as_yaml, value))}]"
        case float():
            return _number(value)
    return json.dumps(value)


def _number(value: float) -> str:
    return f"{value:.10g}"


# For a page


def _tables(chosen: Sequence[type[Fault]], shown_by: ShownBy) -> Iterator[str]:
    yield from _table(
        (
            "Number",
            "Fault",
            "Layer",
            "What happens",
            "Customer",
            "Support",
            "Seen",
            "Evidence",
            "Scenario",
        ),
        (
            (
                *_table_cells(fault),
                ", ".join(f"`{path.stem}`" for path in shown_by.get(fault.name, ())),
            )
            for fault in chosen
        ),
    )
    yield ""
    yield from _table(
        ("Fault", "Parameter", "Default", "May be", "Meaning"),
        (
            (f"`{fault.name}`", f"`{each.key}`", each.in_words, each.may_be, each.meaning)
            for fault in chosen
            for each in parameters_of(fault)
        ),
    )


def _table_cells(fault: type[Fault]) -> tuple[str, ...]:
    """Return what the table says of a fault; of one that is no failure mode, less."""
    mode = fault.mode
    return (
        "" if mode is None else str(mode.number),
        f"`{fault.name}`",
        fault.layer,
        fault.summary,
        *(
            ("", "", "", "")
            if mode is None
            else (
                mode.spoken,
                mode.now,
                re.sub(r"\b[a-z]+(?:[._][a-z]+)+\b", r"`\g<0>`", fault.conclusion()),
                "; ".join(mode.evidence),
            )
        ),
    )


def _table(head: Sequence[str], rows: Iterator[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', '&#124;') for cell in row)} |"
