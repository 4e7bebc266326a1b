"""The arguments and options that several commands of `fleet-sim` share, and what they mean."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ParamSpec
from urllib.parse import urlsplit

import click
import msgspec

from fleet_sim.commands.option_objects import OptionsT, gathered, joined
from fleet_sim.commands.scenario_path import ScenarioPath
from fleet_sim.runs.live.credentials import BoxCredentials, CredentialOptions, TlsFiles
from fleet_sim.scenario.form import Scenario
from fleet_wire.addresses import parse_listen
from fleet_wire.config.secrets import read_secret
from fleet_wire.contract.signing import DEMO_SECRET
from fleet_wire.durations import HELP, Duration
from fleet_wire.errors import ConfigError
from fleet_wire.links.brokers import Brokers
from fleet_wire.links.connecting import IdentityOf
from fleet_wire.quantities import LONGEST_S

SEED_BITS = 32

P = ParamSpec("P")


def checked_listen(
    _context: click.Context, _parameter: click.Parameter, value: str | None
) -> str | None:
    """Return HOST:PORT as it was given, where it names a host and a port; a click callback."""
    if value is not None:
        try:
            parse_listen(value)
        except ConfigError as error:
            raise click.BadParameter(str(error)) from None
    return value


scenario_argument = click.argument(
    "scenario", type=ScenarioPath(dir_okay=False), metavar="SCENARIO"
)
broker_option = click.option(
    "--broker",
    required=True,
    envvar="FLEET_SIM_BROKER",
    show_envvar=True,
    metavar="URL[,URL...]",
    help="The broker, mqtt:// or mqtts://, with USER@ if needed; or several, with commas between"
    " or as mqtt://b-{0..9}:1883, among which the cars are spread by their ids.",
)
control_option = click.option(
    "--control",
    type=click.Path(path_type=Path),
    envvar="FLEET_SIM_CONTROL",
    show_envvar=True,
    metavar="SOCKET",
    help="Listen there for `fleet-sim inject`; only our own user may use it. Default: nowhere.",
)
processes_option = click.option(
    "--processes",
    type=click.IntRange(1),
    metavar="N",
    help="Let so many processes play the boxes. Default: as many as the limit of open files asks"
    " for (ulimit -Hn), mostly one. Live only.",
)
set_option = click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="Override any key of the scenario, for example --set load.stages.0.rate_per_s=20,"
    " --set fleet.groups.city.count=50, or --set fleet.count=500 for 500 cars in each group. May"
    " be given several times.",
)
profile_option = click.option(
    "--profile",
    envvar="FLEET_SIM_PROFILE",
    show_envvar=True,
    metavar="PROFILE",
    help="What goes over the wire: native, ovms, saic, aws-iot, or a file (docs/profiles.md)."
    " Default: the scenario's `fleet.profile`, else native.",
)
seed_option = click.option(
    "--seed",
    type=click.IntRange(0, 2**63 - 1),
    help="Of all that is random. Default: the scenario's, else a new one, which is printed.",
)
wait_option = click.option(
    "--wait",
    "wait_s",
    type=Duration(least_s=0.0, most_s=LONGEST_S),
    default="60s",
    show_default=True,
    metavar="TIME",
    help=f"How long to wait for a broker that is away: {HELP}",
)


def platform_url_option(text: str) -> Callable[[Callable[P, None]], Callable[P, None]]:
    """Return the option for a platform elsewhere, with its help; `check_platform_url` checks it."""
    return click.option("--platform", "platform_url", metavar="URL", help=text)


def check_platform_url(url: str) -> None:
    """Raise `ConfigError` for what is no URL of an HTTP server."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError([f"--platform {url!r}: expected http:// or https:// and a host"])


def with_profile(overrides: tuple[str, ...], profile: str | None) -> tuple[str, ...]:
    """Return the overrides of a scenario with the profile of `--profile` among them."""
    if profile is None:
        return overrides
    return (*overrides, f"fleet.profile={msgspec.json.encode(profile).decode()}")


def read_option(file: Path | None, name: str) -> str | None:
    """Return the secret in the file that an option names, if it does."""
    try:
        return None if file is None else read_secret(file, name=name)
    except ConfigError as error:
        raise click.UsageError(str(error)) from None


def _password(broker_password_file: Path | None) -> str | None:
    return read_option(broker_password_file, "--broker-password-file")


def _secret(fleet_secret: str | None, fleet_secret_file: Path | None) -> str:
    return read_option(fleet_secret_file, "--fleet-secret-file") or fleet_secret or DEMO_SECRET


_SECRET_FILE = click.Path(path_type=Path, dir_okay=False)
_TLS_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)

password_option = joined(
    "broker_password",
    _password,
    click.option(
        "--broker-password-file",
        type=_SECRET_FILE,
        metavar="FILE",
        help="Holds the password of the user in --broker.",
    ),
)
secret_options = joined(
    "fleet_secret",
    _secret,
    click.option(
        "--fleet-secret-file", type=_SECRET_FILE, metavar="FILE", help="Holds the fleet's secret."
    ),
    click.option(
        "--fleet-secret",
        envvar="FLEET_SIM_FLEET_SECRET",
        show_envvar=True,
        help="The secret from which each car's signing key is derived; the probe needs the same."
        " Others on this machine see it here: rather use --fleet-secret-file."
        " Default: one that everybody knows.",
    ),
)
tls_options = joined(
    "tls",
    TlsFiles,
    click.option(
        "--ca-file", type=_TLS_FILE, help="Authority that signed the broker's certificate, PEM."
    ),
    click.option(
        "--cert-file",
        type=_TLS_FILE,
        help="Our own certificate, PEM, where the broker asks for one.",
    ),
    click.option(
        "--key-file", type=_TLS_FILE, help="Key of our own certificate, PEM, without a password."
    ),
)
credential_options = joined(
    "box_credentials",
    CredentialOptions,
    click.option(
        "--box-user",
        metavar="PATTERN",
        help="User name of each box, for example {vehicle_id}. Default: the user in --broker.",
    ),
    click.option(
        "--box-password-file",
        metavar="PATTERN",
        help="File with the password of each box, for example secrets/{vehicle_id}; without"
        " {vehicle_id} in it one for all.",
    ),
    click.option(
        "--box-credentials",
        "box_table",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE",
        help="CSV file with a line for each box: vehicle_id,username,password.",
    ),
    click.option(
        "--box-cert-file",
        metavar="PATTERN",
        help="Certificate of each box, PEM, for example certs/{vehicle_id}.pem.",
    ),
    click.option(
        "--box-key-file",
        metavar="PATTERN",
        help="Key of each box's certificate, if it is not in the same file.",
    ),
)


def identities_of(
    scenario: Scenario, options: CredentialOptions, *, ca_file: Path | None
) -> IdentityOf | None:
    """Return what says who each box of a scenario is; None where boxes have no credentials.

    Raises `ConfigError` for what cannot be read, and for boxes that have none.
    """
    if not options.is_configured:
        return None
    ids = (spec.vehicle_id for spec in scenario.cars())
    return BoxCredentials(options, ids, ca_file=ca_file).identity_of


def warn_of_demo_secret(fleet_secret: str, brokers: Brokers, say: Callable[[str], object]) -> None:
    """Warn if the well-known secret would be used on a broker of another machine."""
    if fleet_secret == DEMO_SECRET and not brokers.is_loopback:
        say(
            f"warning: the cars on {brokers} obey the secret that everybody knows;"
            " give them one: --fleet-secret-file FILE"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveCommandOptions:
    """The options of every command that speaks to a broker; see `live_options`."""

    scenario: Path
    broker_password: str | None
    seed: int | None
    overrides: tuple[str, ...]
    profile: str | None
    wait_s: float
    fleet_secret: str
    tls: TlsFiles

    def scenario_overrides(self) -> tuple[str, ...]:
        """Return the overrides of the scenario, with the profile among them."""
        return with_profile(self.overrides, self.profile)


def live_options(
    kind: Callable[..., OptionsT],
) -> Callable[[Callable[[OptionsT], None]], Callable[..., None]]:
    """Return a decorator that adds the options of `LiveCommandOptions`, and gathers all as `kind`.

    Options of the command's own stand above it.
    """

    def decorated(command: Callable[[OptionsT], None]) -> Callable[..., None]:
        added: Callable[..., None] = gathered(kind)(command)
        for add in (
            tls_options,
            secret_options,
            wait_option,
            profile_option,
            set_option,
            seed_option,
            password_option,
            scenario_argument,
        ):
            added = add(added)
        return added

    return decorated


def choose_seed(
    chosen: int | None, scenario: Scenario | None, say: Callable[[str], None] = click.echo
) -> int:
    """Return the seed of a run, and say it: the chosen one, the scenario's, or a new one."""
    of_scenario = None if scenario is None else scenario.seed
    seed = of_scenario if chosen is None else chosen
    if seed is None:
        seed = secrets.randbits(SEED_BITS)
    say(f"seed {seed}")
    return seed
