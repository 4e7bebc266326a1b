"""The command `fleet-sim`."""

from __future__ import annotations

try:
    import click

    from fleet_wire.command_line import Program
except KeyboardInterrupt:  # afterwards Program sees to it
    raise SystemExit(130) from None

COMMANDS = (
    "asyncapi", "boxes", "check", "compare", "faults", "inject", "openapi", "platform", "profile",
    "run", "schema", "shrink",
    "sweep", "test",
)  # fmt: skip
"""Each is a module of `fleet_sim.commands`, with a function of the same name."""


@click.group(
    "fleet-sim",
    cls=Program,
    variables="FLEET_SIM_",
    modules={name: f"fleet_sim.commands.{name}" for name in COMMANDS},
    context_settings={"auto_envvar_prefix": "FLEET_SIM", "max_content_width": 100},
)
@click.version_option(package_name="unlockpath")
def main() -> None:
    """Simulate a fleet of keyless cars over a real MQTT broker.

    \b
    fleet-sim run scenarios/quiet_city.yaml          broker, boxes and probe together
    fleet-sim boxes SCENARIO --broker mqtt://host    only the boxes
    fleet-sim platform SCENARIO --broker URL         only the platform, with its API
    fleet-sim inject FAULT --control SOCKET          a fault on boxes that run
    fleet-sim sweep SCENARIO --seeds 100             many runs in virtual time, one table
    fleet-sim test scenarios/                        does all hold that these expect?
    fleet-sim compare RUN_A RUN_B                    is B worse, beyond chance?
    fleet-sim shrink SCENARIO                        the least that still fails so
    fleet-sim check SCENARIO                         is this scenario right?
    fleet-sim profile check FILE                     does this describe my fleet's wire?

    Every option can also be set by an environment variable: FLEET_SIM_RUN_SEED=7.
    """  # noqa: D301 - click's own escape


if __name__ == "__main__":
    main()
