"""The command `platform-probe`."""

from __future__ import annotations

try:
    import click

    from fleet_wire.command_line import Program
except KeyboardInterrupt:  # afterwards Program sees to it
    raise SystemExit(130) from None

COMMANDS = {
    "board": "Check and show boards: questions with charts that squads make.",
    "calibrate": "Fit the diagnosis to the labels of this fleet's people.",
    "cohorts": "Find the cohort that failures share: region, firmware, ...",
    "config": "Print the settings that `run` would use, secrets hidden.",
    "console": "Serve pages for support and on-call over a store.",
    "diagnose": "Explain why a car did not open, and what to do.",
    "export": "Write the scenario of an incident that a monitor saw.",
    "incidents": "List incidents; acknowledge, mute or close them.",
    "judge": "Diagnose and find incidents in a journal, or judge it anew.",
    "label": "Say why an unlock failed; calibrate learns from it.",
    "learn": "Listen to a fleet and write a draft of its profile.",
    "messages": "Test whether messages about incidents arrive.",
    "query": "Ask a store a predefined question, or one in SQL.",
    "run": "Run the probe until it is stopped or its load is over.",
    "schema": "Print the JSON Schema of the settings file, for editors.",
    "what-if": "Play an incident on with each mitigation; rank them by rentals lost.",
}
"""The line of each command in lists. Its module in `platform_probe.commands` has its name."""


@click.group(
    "platform-probe",
    cls=Program,
    variables="PLATFORM_PROBE_",
    package="platform_probe.commands",
    table=COMMANDS,
)
@click.version_option(package_name="unlockpath")
def main() -> None:
    """Watch keyless cars open, over MQTT: send unlocks, time each stage, explain failures.

    \b
    Each setting can be given in three ways; the first one found wins:
      a flag                  --listen 0.0.0.0:9464
      an environment variable PLATFORM_PROBE_LISTEN=0.0.0.0:9464
      the file of --config    listen: 0.0.0.0:9464

    Others on this machine see every command line: give secrets in files.
    """  # noqa: D301 - click's own escape


if __name__ == "__main__":
    main()
