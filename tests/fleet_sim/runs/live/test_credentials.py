"""Who each box is to the broker."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleet_sim.cars.parameters import NULL_BOX
from fleet_sim.cars.sms_centre import SmsCentre
from fleet_sim.runs.live.credentials import BoxCredentials, CredentialOptions
from fleet_wire.errors import ConfigError
from fleet_wire.links.connecting import Identity
from tests.helpers.fake_link import bench

CAR = "car-1"
"""The car of a test bench."""


def identity(credentials: BoxCredentials) -> Identity | None:
    """Return who the car of a test bench is."""
    return credentials.identity_of(bench(NULL_BOX).box.modem)


def made(**options: object) -> BoxCredentials:
    """Return the credentials of that one car."""
    return BoxCredentials(CredentialOptions(**options), [CAR], ca_file=None)  # type: ignore[arg-type]


def test_user_and_password_follow_a_pattern(tmp_path: Path) -> None:
    """Each box has its own name, and a file with its own password, or all have one file."""
    (tmp_path / CAR).write_text("hush\n")
    credentials = made(box_user="box-{vehicle_id}", box_password_file=f"{tmp_path}/{{vehicle_id}}")
    assert identity(credentials) == Identity(username="box-car-1", password="hush")  # noqa: S106
    assert "hush" not in f"{credentials} {identity(credentials)}"
    one_for_all = identity(made(box_user="{vehicle_id}", box_password_file=f"{tmp_path}/{CAR}"))
    assert one_for_all == Identity(username=CAR, password="hush")  # noqa: S106


def test_a_table_names_each_box(tmp_path: Path) -> None:
    """With or without a heading."""
    table = tmp_path / "boxes.csv"
    table.write_text('vehicle_id,username,password\nother,o,x\ncar-1,first,"a,b"\n')
    assert identity(made(box_table=table)) == Identity(username="first", password="a,b")  # noqa: S106


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("car-2,user,hush\n", r"boxes\.csv: has no line for car-1$"),
        ("car-1,hush\n", r"boxes\.csv:1: 2 values, expected vehicle_id,username,password$"),
        ("\udcff", r"boxes\.csv: not a CSV file in UTF-8$"),
    ],
)
def test_a_table_that_cannot_be_used(text: str, problem: str, tmp_path: Path) -> None:
    """File, line, and never what it holds."""
    table = tmp_path / "boxes.csv"
    table.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ConfigError, match=problem) as caught:
        made(box_table=table)
    assert "hush" not in str(caught.value)


def test_others_are_the_user_of_the_address() -> None:
    """The SMS centre and the null box are no boxes of the scenario."""
    car = bench(NULL_BOX)
    credentials = BoxCredentials(CredentialOptions(box_user="x"), ["another"], ca_file=None)
    assert credentials.identity_of(car.box.modem) is None
    assert credentials.identity_of(SmsCentre(car.world, {}, name="sms").client) is None
    assert not CredentialOptions().is_configured
