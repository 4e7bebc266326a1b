"""The command `fleet-sim inject`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from fleet_sim.results import readable
from fleet_sim.runs.live.control import ask
from fleet_sim.runs.live.drills import DrillReply, DrillRequest
from fleet_wire.command_line import USAGE_ERROR, say_errors
from fleet_wire.durations import HELP, Duration
from fleet_wire.errors import UnlockpathError
from fleet_wire.quantities import LONGEST_S, SHORTEST_S


@click.command()
@click.argument("fault", metavar="FAULT")
@click.option(
    "--control",
    "sockets",
    type=click.Path(path_type=Path),
    multiple=True,
    required=True,
    envvar="FLEET_SIM_CONTROL",
    show_envvar=True,
    metavar="SOCKET",
    help="Where the boxes listen, as in their --control. Several times for several processes.",
)
@click.option(
    "--for",
    "for_s",
    type=Duration(least_s=SHORTEST_S, most_s=LONGEST_S),
    required=True,
    metavar="TIME",
    help=f"How long: {HELP}",
)
@click.option(
    "--target",
    "target",
    multiple=True,
    metavar="KEY=VALUE",
    help="Which cars, by the keys of a scenario's target: group, region, operator, firmware,"
    " hardware, site, technology, ids, share. A car must fit all. Without it: all cars.",
)
@click.option(
    "--set",
    "parameters",
    multiple=True,
    metavar="KEY=VALUE",
    help="A parameter of the fault; `fleet-sim faults FAULT` lists them with their defaults.",
)
def inject(
    *,
    fault: str,
    sockets: tuple[Path, ...],
    for_s: float,
    target: tuple[str, ...],
    parameters: tuple[str, ...],
) -> None:
    """Put FAULT onto boxes that run, for a while: a drill on staging.

    The boxes are those of `fleet-sim boxes` or of a live `fleet-sim run` with --control. The fault
    begins at once and ends by itself, or with the boxes. Its hits go into the ground truth in the
    boxes' --out. The fault is checked like one in a scenario, and cannot use what another active
    fault claims. `fleet-sim faults` lists the faults.

    \b
    fleet-sim boxes my.yaml --broker mqtt://staging --control /tmp/boxes.sock --out drill
    fleet-sim inject no_coverage_garage --control /tmp/boxes.sock --for 5m --target region=north
    fleet-sim inject ack_lost_executed --control /tmp/boxes.sock --for 90s \\
        --target share=0.1 --set loss=0.5
    fleet-sim inject one_way_downlink --control a.sock --control b.sock --for 1h \\
        --target 'ids=[car-00001, car-00002]'

    Exits 0 when the fault has begun, 2 when it has not.
    """  # noqa: D301 - click's own escape
    request = DrillRequest(fault=fault, for_s=for_s, target=target, parameters=parameters)
    has_failed = False
    for path in sockets:
        try:
            reply = ask(path, request)
        except UnlockpathError as error:
            reply = DrillReply(problems=(str(error),))
        say_errors([f"fleet-sim: {problem}" for problem in reply.problems])
        if reply.problems:
            has_failed = True
        else:
            click.echo(
                f"{fault}: injection {reply.injection} on {reply.struck} of"
                f" {readable.boxes(reply.boxes)},"
                f" for {for_s:g} s ({path})"
            )
    if has_failed:
        sys.exit(USAGE_ERROR)
