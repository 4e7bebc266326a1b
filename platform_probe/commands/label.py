"""`platform-probe label`: say why an unlock failed, so that the diagnosis can learn from it."""

from __future__ import annotations

import asyncio
import time

import click

from fleet_wire.contract.label import MAX_NAME, MAX_TEXT, Label
from fleet_wire.contract.text import Text, Value
from platform_probe.commands.asking import (
    StoreOptions,
    language_option,
    store_options,
)
from platform_probe.commands.person import PersonOptions, person_options
from platform_probe.tell.labels import check_mode, send_label
from platform_probe.tell.support.believed import percent
from platform_probe.tell.support.fitting import UnlockQuery
from platform_probe.tell.support.looking_up import look_up
from platform_probe.texts.catalogue import as_is
from platform_probe.texts.spoken_error import spoken_error

_HELD = "SELECT mode FROM labels WHERE attempt_id = $id ORDER BY made_at DESC LIMIT 1"


@click.command()
@click.argument("attempt_id", metavar="ATTEMPT")
@click.argument("mode", required=False)
@click.option("--text", metavar="TEXT", help="What you found, for those who read it.")
@click.option("--withdraw", is_flag=True, help="Withdraw the label of this unlock.")
@person_options
@store_options
@language_option
def label(
    *,
    attempt_id: str,
    mode: str | None,
    text: str | None,
    withdraw: bool,
    person: PersonOptions,
    store: StoreOptions,
    language: str | None,
) -> None:
    """Label unlock ATTEMPT with the failure MODE that it had.

    \b
    platform-probe label ATTEMPT undervoltage_cutout --text "11.1 V" --config probe.yaml
    platform-probe label ATTEMPT unknown --text "a tree on the car" --store store
    platform-probe label ATTEMPT --withdraw --store store

    MODE is one of docs/modes.md, `unknown` for none of these, or `nothing_wrong`. The last label of
    an unlock counts. A monitor that writes to the store is asked over HTTP.
    """  # noqa: D301 - click's own escape
    if withdraw is (mode is not None):
        raise click.UsageError("give a MODE, or --withdraw")
    if mode is not None:
        check_mode(mode)
    asked = store.question(language=language)
    case = look_up(asked.source, UnlockQuery(attempt=attempt_id))
    if not case.revisions:
        raise spoken_error("asked.no_diagnosis", id=attempt_id)
    if withdraw:
        found = asked.source.read(lambda duck: duck.query(_HELD, {"id": attempt_id}, limit=1))
        if not found.rows or found.rows[0][0] is None:
            raise spoken_error("asked.no_label", id=attempt_id)
    said = Label(
        attempt_id=attempt_id,
        vehicle_id=case.vehicle_id or "",
        started_at=case.at_s,
        mode=mode,
        by=person.name()[:MAX_NAME],
        at=time.time(),
        text=None if text is None else text[:MAX_TEXT],
    )
    asyncio.run(send_label(said, asked.source.directory, person.monitor(store.config)))
    believed = case.revisions[-1].first
    what = Text(key="label.withdrawn") if mode is None else as_is(mode)
    values: dict[str, Value] = {"id": attempt_id, "what": what, "by": said.by}
    values |= {"believed": believed.mode, "percent": percent(believed.probability)}
    click.echo(asked.speaker.say(Text(key="label.done", values=values)))
