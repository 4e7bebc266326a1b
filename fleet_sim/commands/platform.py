"""The command `fleet-sim platform`."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

from fleet_sim.commands.options import (
    LiveCommandOptions,
    broker_option,
    checked_listen,
    choose_seed,
    live_options,
    warn_of_demo_secret,
)
from fleet_sim.commands.serving import outputs_in_background
from fleet_sim.platform.gateway import CLIENT_ID
from fleet_sim.platform.tokens import token_of
from fleet_sim.runs.live.fleet import FleetOptions
from fleet_sim.runs.live.platform import PlatformOptions, serve_platform
from fleet_sim.runs.live.stop import run_loop
from fleet_sim.runs.manifest import lacks_of
from fleet_sim.runs.progress import progress_on
from fleet_sim.scenario.loading import load_scenario
from fleet_wire.addresses import parse_listen
from fleet_wire.errors import ConfigError
from fleet_wire.links.brokers import Brokers
from fleet_wire.private_files import FOR_OWNER
from fleet_wire.profiles.loading import load_profile

NAME: Final = re.compile("[A-Za-z0-9._-]{1,64}")
"""The form of a customer's name, which goes into a header, and of an MQTT client id."""
NAME_FORM: Final = "1 to 64 letters, digits, hyphens, dots or underscores"


def _checked_client_id(
    _context: click.Context, _parameter: click.Parameter, value: str | None
) -> str | None:
    """Return a client id, or complain of one that not every broker takes."""
    if value is not None and NAME.fullmatch(value) is None:
        raise click.BadParameter(f"{value!r}: expected {NAME_FORM}")
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformCommandOptions(LiveCommandOptions):
    """The options of `fleet-sim platform`."""

    broker: str
    listen: str
    customers: tuple[str, ...]
    token_file: Path | None
    log_file: Path | None
    client_id: str | None


@click.command()
@broker_option
@click.option(
    "--listen",
    default="127.0.0.1:8080",
    show_default=True,
    callback=checked_listen,
    metavar="HOST:PORT",
    help="Where the API is served; port 0 is any free one.",
)
@click.option(
    "--customer",
    "customers",
    multiple=True,
    metavar="NAME",
    help="Say this customer's token. May be given several times.",
)
@click.option(
    "--token-file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the tokens there, a name and a token a line, for our own user alone, and say none.",
)
@click.option(
    "--log-file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Append what becomes of each request and command, a JSON object a line. Default: nowhere.",
)
@click.option(
    "--client-id",
    callback=_checked_client_id,
    metavar="ID",
    help=f"MQTT client id: each platform on a broker needs one of its own.  [default: {CLIENT_ID};"
    f" with platform.shared_group {CLIENT_ID}-HOST-PROCESS]",
)
@live_options(PlatformCommandOptions)
def platform(options: PlatformCommandOptions) -> None:
    """Run only the platform of SCENARIO, with its API over HTTP, until SIGTERM or Ctrl-C.

    \b
    fleet-sim platform scenarios/quiet_city.yaml --broker mqtt://localhost:1883 --customer anna
    fleet-sim platform my.yaml --broker mqtt://staging --profile ovms
    fleet-sim platform my.yaml --broker mqtts://staging:8883 --listen 0.0.0.0:8080 \\
        --token-file tokens.txt --log-file platform.jsonl --fleet-secret-file fleet.secret

    It knows the cars of the scenario; `fleet-sim boxes` with the same scenario and secret are these
    cars. Its faults of the platform begin when this serves. The API's description is at
    /openapi.json; `fleet-sim openapi` prints it.
    """  # noqa: D301 - click's own escape
    brokers = Brokers.parse(options.broker).with_password(options.broker_password)
    lacks = lacks_of(broker_url=options.broker)
    loaded = load_scenario(
        options.scenario, options.scenario_overrides(), lacks=lacks, needs_load=False
    )
    tls = options.tls.context_for(brokers)
    secret = options.fleet_secret
    tokens = [f"{name} {token_of(secret, name)}" for name in _check_names(options.customers)]
    if options.token_file is not None:
        _write_tokens(options.token_file, tokens)
    with outputs_in_background() as (output, errors, console):

        def warn(text: str) -> None:
            errors.write(f"{text}\n")

        warn_of_demo_secret(secret, brokers, warn)
        serving = PlatformOptions(
            fleet=FleetOptions(
                brokers=brokers,
                seed=choose_seed(options.seed, loaded, console.print),
                fleet_secret=secret,
                profile=load_profile(loaded.fleet.profile),
                tls=tls,
                wait_s=options.wait_s,
                with_null_box=False,
                says_goodbye=False,
            ),
            listen=parse_listen(options.listen),
            log_file=options.log_file,
            client_id=options.client_id,
        )
        if options.token_file is None:
            for token in tokens:
                output.write(f"token {token}\n")
        with closing(progress_on(console)) as progress:
            run_loop(lambda: serve_platform(loaded, serving, progress, warn))


def _check_names(names: Sequence[str]) -> Sequence[str]:
    """Return the names of customers. Raises `ConfigError` for one that no token can have."""
    problems = [
        f"--customer {name!r}: expected {NAME_FORM}"
        for name in names
        if NAME.fullmatch(name) is None
    ]
    if problems:
        raise ConfigError(problems)
    return names


def _write_tokens(path: Path, tokens: Sequence[str]) -> None:
    """Write a file that only our own user can read, also where there was one before."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, FOR_OWNER)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        os.fchmod(descriptor, FOR_OWNER)
        file.writelines(f"{token}\n" for token in tokens)
