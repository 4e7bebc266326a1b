"""The command `fleet-sim`."""

from __future__ import annotations

try:
    import click

    from fleet_wire.command_line import Program
except KeyboardInterrupt:  # afterwards Program sees to it
    raise SystemExit(130) from None

COMMANDS = {
    "asyncapi": "Print the wire as an AsyncAPI 3 document.",
    "boxes": "Run only the boxes of a scenario, on a broker of yours.",
    "check": "Check a scenario; each error names file, line and key.",
    "compare": "Compare two runs: is the second worse, beyond chance?",
    "faults": "List the faults, what is seen of each, and its parameters.",
    "init": "Copy a scenario and the monitor's deploy files, as a start of your own.",
    "inject": "Inject a fault into boxes that run.",
    "openapi": "Print the platform's API as an OpenAPI 3.1 document.",
    "platform": "Run only the platform of a scenario, with its HTTP API.",
    "profile": "Check profiles: files that describe a fleet's wire.",
    "run": "Run a scenario with broker, boxes and probe; write a report.",
    "scenarios": "List the scenarios that ship.",
    "schema": "Print the JSON Schema of a scenario, for editors.",
    "shrink": "Make a failing scenario as small as it can be.",
    "sweep": "Run a scenario with many seeds and values; write one table.",
    "test": "Run scenarios side by side; fail if an expectation fails.",
    "truth": "Grade whether clients tell their users the truth about the lock.",
    "what-if": "Play an incident with each mitigation; rank them by rentals lost.",
}
"""The line of each command in lists. Its module in `fleet_sim.commands` has its name."""


@click.group(
    "fleet-sim",
    cls=Program,
    variables="FLEET_SIM_",
    package="fleet_sim.commands",
    table=COMMANDS,
    context_settings={"auto_envvar_prefix": "FLEET_SIM", "max_content_width": 100},
)
@click.version_option(package_name="unlockpath")
def main() -> None:
    """Simulate a fleet of keyless cars over a real MQTT broker.

    \b
    fleet-sim run first_rentals                      broker, boxes and probe together
    fleet-sim scenarios                              the names of all that ship
    fleet-sim boxes SCENARIO --broker mqtt://host    only the boxes
    fleet-sim platform SCENARIO --broker URL         only the platform, with its API
    fleet-sim inject FAULT --control SOCKET          a fault on boxes that run
    fleet-sim sweep SCENARIO --seeds 100             many runs in virtual time, one table
    fleet-sim test scenarios                         does all hold that these expect?
    fleet-sim compare RUN_A RUN_B                    is B worse, beyond chance?
    fleet-sim truth CLIENT                           does this app tell the truth?
    fleet-sim what-if WORLDS                         which mitigation saves most rentals?
    fleet-sim shrink SCENARIO                        the least that still fails so
    fleet-sim check SCENARIO                         is this scenario right?
    fleet-sim profile check FILE                     does this describe my fleet's wire?

    Every option can also be set by an environment variable: FLEET_SIM_RUN_SEED=7.
    """  # noqa: D301 - click's own escape


if __name__ == "__main__":
    main()
