"""The command `platform-probe learn`: a first draft of a fleet's profile."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import uvloop

from fleet_wire.command_line import write_file
from fleet_wire.config.secrets import read_secret
from fleet_wire.durations import HELP, Duration
from fleet_wire.links.link import BrokerAddress
from fleet_wire.links.tls import tls_for
from fleet_wire.profiles.gaps import FILL_IN
from platform_probe.learn.learning import LearnOptions, listen, write_draft


def _renamed(option: str) -> str:
    """Accept the name that an option had in the release before."""
    return "for" if option == "seconds" else option


@click.command(context_settings={"token_normalize_func": _renamed})
@click.option(
    "--broker", required=True, metavar="URL", help="For example mqtts://user@broker:8883."
)
@click.option(
    "--broker-password-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Holds the broker's password.",
)
@click.option(
    "--ca-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Authority that signed the broker's certificate, PEM.",
)
@click.option(
    "--protocol",
    type=click.Choice(["5", "3.1.1"]),
    default="5",
    show_default=True,
    help="Version of MQTT.",
)
@click.option(
    "--for",
    "duration_s",
    type=Duration(least_s=0.1, most_s=86_400),
    default="60s",
    show_default=True,
    metavar="TIME",
    help=f"How long to listen: {HELP}",
)
@click.option(
    "--topic",
    "filters",
    multiple=True,
    metavar="FILTER",
    default=("#",),
    show_default=True,
    help="What to listen to; several times for several. # leaves out topics that begin with $.",
)
@click.option(
    "--vehicle",
    "vehicles",
    multiple=True,
    metavar="ID",
    help="A car's id, where it does not look like one.",
)
@click.option(
    "--sample",
    "sample_file",
    type=click.Path(path_type=Path),
    metavar="FILE.jsonl",
    help="Write what was heard there, for fleet-sim profile check --sample.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the draft there.  [default: stdout]",
)
def learn(  # noqa: PLR0913 - one parameter for each option
    *,
    broker: str,
    broker_password_file: Path | None,
    ca_file: Path | None,
    protocol: Any,
    duration_s: float,
    filters: tuple[str, ...],
    vehicles: tuple[str, ...],
    sample_file: Path | None,
    out: Path | None,
) -> None:
    """Listen to a fleet with its own messages, and write a first draft of its profile.

    \b
    platform-probe learn --broker mqtt://broker:1883 --for 5m --sample s.jsonl --out fleet.yaml
    fleet-sim profile check fleet.yaml --sample s.jsonl

    Unlock a car meanwhile. Ctrl-C or SIGTERM ends it early, and the draft covers the messages until
    then. The draft is a guess from the words in topics and fields: somebody who knows the fleet
    must check it. Nothing is sent.
    """  # noqa: D301 - click's own escape
    address = BrokerAddress.parse(broker)
    if broker_password_file is not None:
        password = read_secret(broker_password_file, name="--broker-password-file")
        address = replace(address, password=password)
    options = LearnOptions(
        broker=address,
        duration_s=duration_s,
        filters=filters,
        protocol=protocol,
        vehicles=vehicles,
        tls=tls_for(address, ca_file=ca_file),
    )
    click.echo(f"listening to {address} for {duration_s:g} s", err=True)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        samples, seconds, why_early = runner.run(listen(options))
    if why_early is not None:
        click.echo(f"ended after {seconds:.1f} s of {duration_s:g} s: {why_early}", err=True)
    draft = write_draft(samples, options, seconds=seconds, sample_file=sample_file)
    if out is None:
        click.echo(draft, nl=False)
    else:
        write_file(out, draft, option="--out")
        rest = f"; {FILL_IN} stands for what is to be filled in" if FILL_IN in draft else ""
        click.echo(f"{out}: from {len(samples)} messages{rest}", err=True)
