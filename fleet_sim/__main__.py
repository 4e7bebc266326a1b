"""The command `fleet-sim`."""

from __future__ import annotations

from importlib import import_module

import click

COMMANDS = ("boxes", "check", "faults", "inject", "run", "schema", "sweep")
"""Each is a module of `fleet_sim.commands`, with a function of the same name."""


class Commands(click.Group):
    """Imports a command when it is asked for: `check` does not wait for what only `run` needs."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names, in the order of `--help`."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of this name; None, with all imported to suggest from, if unknown."""
        for name in (cmd_name,) if cmd_name in COMMANDS else COMMANDS:
            self.add_command(getattr(import_module(f"fleet_sim.commands.{name}"), name))
        return super().get_command(ctx, cmd_name)


@click.group(
    cls=Commands,
    context_settings={"auto_envvar_prefix": "FLEET_SIM", "max_content_width": 100},
)
@click.version_option(package_name="unlockpath")
def main() -> None:
    """Simulate a fleet of keyless cars over a real MQTT broker.

    \b
    fleet-sim run scenarios/quiet_city.yaml          broker, boxes and probe together
    fleet-sim boxes SCENARIO --broker mqtt://host    only the boxes
    fleet-sim inject FAULT --control SOCKET          a fault on boxes that run
    fleet-sim sweep SCENARIO --seeds 100             many runs in virtual time, one table
    fleet-sim check SCENARIO                         is this scenario right?

    Every option can also be set by an environment variable: FLEET_SIM_RUN_SEED=7.
    """  # noqa: D301 - click's own escape


if __name__ == "__main__":
    main()
