"""The options that say who our boxes are to a broker."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click

from fleet_sim.runs.live.credentials import CredentialOptions, credentials_for
from fleet_sim.scenario.form import Scenario
from fleet_wire.links.connecting import IdentityOf


def identities_of(
    scenario: Scenario, options: CredentialOptions, *, ca_file: Path | None
) -> IdentityOf | None:
    """Return what says who each box of a scenario is; None where boxes have no credentials.

    Raises `ConfigError` for what cannot be read, and for boxes that have none.
    """
    if not options.is_configured:
        return None
    ids = (spec.vehicle_id for spec in scenario.cars())
    return credentials_for(options, ids, ca_file=ca_file).identity_of


def credential_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of the boxes' own credentials; the command gets `box_credentials`."""

    @click.option(
        "--box-key-file",
        metavar="PATTERN",
        help="Key of each box's certificate, if it is not in the same file.",
    )
    @click.option(
        "--box-cert-file",
        metavar="PATTERN",
        help="Certificate of each box, PEM, for example certs/{vehicle_id}.pem.",
    )
    @click.option(
        "--box-credentials",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE",
        help="CSV file with a line for each box: vehicle_id,username,password.",
    )
    @click.option(
        "--box-password-file",
        metavar="PATTERN",
        help="File with the password of each box, for example secrets/{vehicle_id}; without"
        " {vehicle_id} in it one for all.",
    )
    @click.option(
        "--box-user",
        metavar="PATTERN",
        help="User name of each box, for example {vehicle_id}. Default: the user in --broker.",
    )
    @wraps(command)
    def with_credentials(
        *,
        box_user: str | None,
        box_password_file: str | None,
        box_credentials: Path | None,
        box_cert_file: str | None,
        box_key_file: str | None,
        **options: Any,
    ) -> None:
        credentials = CredentialOptions(
            user=box_user,
            password_file=box_password_file,
            table=box_credentials,
            cert_file=box_cert_file,
            key_file=box_key_file,
        )
        command(box_credentials=credentials, **options)

    return with_credentials
