"""`platform-probe incidents`: what a store or the records of a run say, and who acts."""

from __future__ import annotations

import io
import json
from datetime import UTC
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from fleet_wire.contract.incident import ChangeKind, Incident
from fleet_wire.errors import ConfigError
from platform_probe.__main__ import main
from platform_probe.commands.incidents import ack
from platform_probe.commands.person import person_name
from platform_probe.outputs.sinks import ATTEMPTS_FILE, INCIDENTS_FILE
from platform_probe.texts.times import date_and_clock
from tests.helpers.made_incidents import (
    TITLE,
    acknowledged,
    closed,
    joined,
    made_incident,
    muted,
    resolved,
    then,
    worse,
)

FIRST = made_incident()
LAST = worse(acknowledged(FIRST))
OVER = closed(made_incident("inc-2", at=FIRST.at + 60, related=("inc-1",), customers=0))


@pytest.fixture
def records(tmp_path: Path) -> Path:
    """Return a directory with the records of two incidents, all revisions of one."""
    (tmp_path / ATTEMPTS_FILE).write_bytes(b"")
    lines = [msgspec.json.encode(each) for each in (FIRST, OVER, LAST)]
    (tmp_path / INCIDENTS_FILE).write_bytes(b"\n".join(lines) + b"\n")
    return tmp_path


def told(*words: object) -> Result:
    """Run the command."""
    return CliRunner().invoke(main, ["incidents", *map(str, words)])


def test_a_list_has_each_incident_once(records: Path) -> None:
    """As its last revision has it, the latest first; only those that go on, if asked for."""
    lines = told("list", "--run", records).output.splitlines()
    assert [line.split()[0] for line in lines[2:]] == ["inc-2", "inc-1"]
    assert "critical" in lines[3]
    assert "jo" in lines[3]
    lines = told("list", "--open", "--run", records).output.splitlines()
    assert [line.split()[0] for line in lines[2:]] == ["inc-1"]


def test_options_alone_are_those_of_the_list(records: Path) -> None:
    """As `diagnose` takes them; of the group itself there is the help."""
    assert told("--run", records).output == told("list", "--run", records).output
    assert (
        told("--open", "--run", records).output == told("list", "--open", "--run", records).output
    )
    assert "Commands:" in told("--help").output


def test_settings_without_a_store_lead_to_the_records(records: Path, tmp_path: Path) -> None:
    """To those of the monitor; where it has written none, the settings are named."""
    config = tmp_path / "probe.yaml"
    config.write_text(f"broker: mqtt://broker:1883\nout_dir: {records}\n", encoding="utf-8")
    assert "inc-1" in told("list", "--config", config).output
    config.write_text("broker: mqtt://broker:1883\nout_dir: nowhere\n", encoding="utf-8")
    nowhere = told("list", "--config", config)
    assert nowhere.exit_code == 2
    assert f"{config}: no store is set (store.directory)" in nowhere.output


def test_titles_say_their_begin_in_the_zone_of_the_list(records: Path) -> None:
    """Beside a time of the same zone; the title has none."""
    assert "since 22:12, 31 customers" in told("list", "--run", records).output
    zone = ("--run", records, "--zone", "Europe/Paris")
    assert "since 23:12, 31 customers" in told("list", *zone).output
    assert told("show", "inc-1", *zone).output.splitlines()[0].endswith("since 23:12, 31 customers")


def test_a_title_is_listed_whole(tmp_path: Path) -> None:
    """It names the problem: nothing of it is left out."""
    long = f"operator-b, north: {'the mobile network is down in the region ' * 2}since 22:12"
    (tmp_path / ATTEMPTS_FILE).write_bytes(b"")
    line = msgspec.json.encode(made_incident(title=long, subject=None))
    (tmp_path / INCIDENTS_FILE).write_bytes(line + b"\n")
    assert long in told("list", "--run", tmp_path).output


def test_json_is_the_incident_itself(records: Path) -> None:
    """Nothing is lost on its way through the tables."""
    found = msgspec.convert(
        json.loads(told("list", "--run", records, "--json").output), list[Incident]
    )
    assert found == [OVER, LAST]
    one = json.loads(told("show", "inc-2", "--run", records, "--json").output)
    assert msgspec.convert(one, Incident) == OVER


def test_one_is_shown_whole(records: Path) -> None:
    """Title, counts, advice, who has it, and its history."""
    lines = told("show", "inc-1", "--run", records).output.splitlines()
    assert lines[0] == TITLE
    assert lines[1].startswith("critical, open: ")
    assert "31 of 44 (70 %) unlocks fail" in lines[2]
    counted = "each customer and each car counts once"
    assert lines[3] == f"counted until {date_and_clock(LAST.at, UTC)}: {counted}"
    assert "acknowledged by: jo" in lines
    assert lines[-1].endswith("it was worse")
    gone = told("show", "inc-9", "--run", records)
    assert gone.exit_code == 2
    assert "no incident 'inc-9'" in gone.output


def test_the_language_is_that_of_the_settings_or_of_the_option(
    records: Path, tmp_path: Path
) -> None:
    """Of all words; ids and names stay as they are."""
    config = tmp_path / "probe.yaml"
    config.write_text(f"out_dir: {records}\nmessages: {{language: fr}}\n", encoding="utf-8")
    listed = told("list", "--run", records, "--language", "fr").output
    assert listed == told("list", "--config", config).output
    head, _, *rows = listed.splitlines()
    assert head.split() == [
        "id", "ouvert", "durée", "gravité", "état", "clients", "pris", "par", "note", "titre",
    ]  # fmt: skip
    assert "critique       en cours" in rows[1]
    lines = told("show", "inc-1", "--config", config).output.splitlines()
    assert lines[1].startswith("critique, en cours : 14/11/2023 22:12:20 UTC")
    for begin in ("compté jusqu'au ", "touchés : ", "ce que c'est : ", "à faire maintenant : "):
        assert any(line.startswith(begin) for line in lines), begin
    english = ("show", "inc-1", "--config", config, "--language", "en")
    assert told(*english).output == told("show", "inc-1", "--run", records).output
    (records / INCIDENTS_FILE).write_bytes(b"")
    none = told("list", "--open", "--run", records, "--language", "fr")
    assert none.output == "Aucun incident n'est en cours ici.\n"


def test_a_title_names_the_day_of_an_older_incident(tmp_path: Path) -> None:
    """Another day than that of the newest record."""
    later = made_incident("inc-2", at=FIRST.at + 3 * 86_400.0)
    lines = [msgspec.json.encode(each) for each in (FIRST, later)]
    (tmp_path / INCIDENTS_FILE).write_bytes(b"\n".join(lines) + b"\n")
    listed = told("list", "--run", tmp_path).output.splitlines()
    assert listed[2].endswith("since 22:12, 31 customers")
    assert listed[3].endswith("since 22:12 on 14 Nov, 31 customers")


def test_one_that_may_be_over_says_since_when_nothing_was_seen(tmp_path: Path) -> None:
    """It goes on until it is taken for over; meanwhile customers may try again."""
    unseen = then(FIRST, ChangeKind.UNSEEN, ended_at=FIRST.at + 30.0)
    (tmp_path / ATTEMPTS_FILE).write_bytes(b"")
    (tmp_path / INCIDENTS_FILE).write_bytes(msgspec.json.encode(unseen) + b"\n")
    lines = told("show", "inc-1", "--run", tmp_path).output.splitlines()
    assert " to " not in lines[1]
    assert lines[2].startswith("last seen at ")
    assert lines[2].endswith(": it counts as over after 15 minutes without a sign of it")
    assert any(line.startswith("what to do now: It may be over. Ask customers") for line in lines)


def test_the_list_says_what_is_muted_planned_or_goes_on_elsewhere(tmp_path: Path) -> None:
    """Else one that was joined looks like one that was over; who muted it, and why, `show` says."""
    quiet = muted(FIRST)
    planned = made_incident("inc-2", at=FIRST.at + 60, maintenance="new SIMs")
    part = joined(made_incident("inc-3", at=FIRST.at + 120), FIRST)
    over = resolved(muted(made_incident("inc-4", at=FIRST.at + 180)))
    (tmp_path / ATTEMPTS_FILE).write_bytes(b"")
    lines = [msgspec.json.encode(each) for each in (quiet, planned, part, over)]
    (tmp_path / INCIDENTS_FILE).write_bytes(b"\n".join(lines) + b"\n")
    assert quiet.muted_until is not None
    until = date_and_clock(quiet.muted_until, UTC)
    listed = told("list", "--run", tmp_path).output.splitlines()[2:]
    for line, note in zip(
        listed, ("", "joined to inc-1", "window 'new SIMs'", f"muted until {until}"), strict=True
    ):
        assert note in line
    assert "muted" not in listed[0]
    shown = told("show", "inc-1", "--run", tmp_path).output.splitlines()
    assert f"muted until: {until} by jo: fixed tonight" in shown
    shown = told("show", "inc-3", "--run", tmp_path).output.splitlines()
    assert "part of another incident: inc-1" in shown


@pytest.mark.parametrize("error", [KeyError, OSError])
def test_an_account_without_a_name_is_told_what_to_do(
    error: type[Exception], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a pod, whose user id no file knows; Python has raised both."""

    def nobody() -> str:
        raise error("getpwuid(): uid not found: 1000680000")

    monkeypatch.setattr("getpass.getuser", nobody)
    token = tmp_path / "token"
    token.write_text("made up")
    result = CliRunner().invoke(ack, ["i-1", "--reason", "mine", "--token-file", f"{token}"])
    assert isinstance(result.exception, ConfigError)
    assert "Say who you are by --by NAME" in str(result.exception)


def test_the_name_of_a_person_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The account names them, also behind sudo; `root` is nobody, and with a terminal is asked."""
    monkeypatch.setattr("getpass.getuser", lambda: "ada")
    assert person_name() == "ada"
    monkeypatch.setattr("getpass.getuser", lambda: "root")
    monkeypatch.setenv("SUDO_USER", "jo")
    assert person_name() == "jo"
    monkeypatch.delenv("SUDO_USER")
    with pytest.raises(ConfigError, match=r"share the account root\. Say who you are by --by NAME"):
        person_name()
    monkeypatch.setattr("sys.stdin", io.StringIO("cleo\n"))
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    assert person_name() == "cleo"


def test_incidents_of_a_replay_are_read(tmp_path: Path) -> None:
    """A replay writes what was judged, and no unlocks."""
    (tmp_path / INCIDENTS_FILE).write_bytes(msgspec.json.encode(FIRST) + b"\n")
    assert "inc-1" in told("list", "--run", tmp_path).output
