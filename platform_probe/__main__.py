"""The command `platform-probe`."""

from __future__ import annotations

try:
    import click

    from fleet_wire.command_line import Program
except KeyboardInterrupt:  # afterwards Program sees to it
    raise SystemExit(130) from None

COMMANDS = (
    "cohorts", "config", "console", "diagnose", "export", "incidents", "learn", "messages", "query",
    "run", "schema",
)  # fmt: skip
"""Each is a module of `platform_probe.commands`, with a function of the same name."""


@click.group(
    "platform-probe",
    cls=Program,
    variables="PLATFORM_PROBE_",
    modules={name: f"platform_probe.commands.{name}" for name in COMMANDS},
)
@click.version_option(package_name="unlockpath")
def main() -> None:
    """Watch keyless cars open, over MQTT: send unlocks, time each stage, say why one failed.

    \b
    Each setting can be given in three ways; the first one found wins:
      a flag                  --listen 0.0.0.0:9464
      an environment variable PLATFORM_PROBE_LISTEN=0.0.0.0:9464
      the file of --config    listen: 0.0.0.0:9464

    Others on this machine see every command line: give secrets in files.
    """  # noqa: D301 - click's own escape


if __name__ == "__main__":
    main()
