"""`platform-probe diagnose`: why did this car not open, for a person."""

from __future__ import annotations

import click

from fleet_wire.contract.text import Text
from fleet_wire.printing import print_json
from platform_probe.commands.asking import (
    StoreOptions,
    as_of_option,
    language_option,
    store_options,
)
from platform_probe.tell.support.choosing import Moment
from platform_probe.tell.support.fitting import UnlockQuery
from platform_probe.tell.support.looking_up import look_up
from platform_probe.tell.support.telling import export_command, text_of
from platform_probe.tell.support.telling_programs import json_of
from platform_probe.texts.times import lasts_s


@click.command()
@click.argument("vehicle", required=False, metavar="[CAR]")
@store_options
@click.option("--at", metavar="TIME", help="When, as 08:15, 2026-03-29 08:15, or 2h ago.")
@click.option("--since", metavar="TIME", help="Not before then.")
@as_of_option
@click.option("--booking", metavar="ID", help="The booking.")
@click.option("--customer", metavar="ID", help="The customer's account.")
@click.option("--trace", metavar="ID", help="The trace, of 32 hexadecimal digits.")
@click.option("--command", metavar="ID", help="The command that was sent to the car.")
@click.option("--attempt", metavar="ID", help="The unlock's own id.")
@language_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def diagnose(  # noqa: PLR0913 - one parameter for each option
    *,
    vehicle: str | None,
    store: StoreOptions,
    at: str | None,
    since: str | None,
    as_of: str | None,
    booking: str | None,
    customer: str | None,
    trace: str | None,
    command: str | None,
    attempt: str | None,
    language: str | None,
    as_json: bool,
) -> None:
    """Explain why CAR did not open: what happened, what to say, what to do, and who else has it.

    \b
    platform-probe diagnose car-0042 --at 08:15 --store store
    platform-probe diagnose --booking b-9 --store store
    platform-probe diagnose car-0042 --run runs/morning
    platform-probe diagnose car-0042 --as-of 08:16 --run runs/morning

    Without a time it is the last unlock that failed, or the last one if none did. Times are in the
    zone of the settings, or of --zone. A time without a date is its latest occurrence.
    """  # noqa: D301 - click's own escape
    if not any((vehicle, booking, customer, trace, command, attempt)):
        ids = "--booking, --customer, --trace, --command, --attempt"
        raise click.UsageError(f"name a car, or one of {ids}")
    asked = store.question(language=language, as_of=as_of)
    moment = asked.moment
    at_s = moment(at)
    wanted = UnlockQuery(
        vehicle=vehicle,
        attempt=attempt,
        booking=booking,
        customer=customer,
        trace=trace,
        command=command,
        at=None if at is None or at_s is None else Moment(at_s, lasts_s(at)),
        since_s=moment(since),
    )
    case = look_up(asked.source, wanted)
    if case.attempt is None:
        asked.check_is_recorded({"--at": at_s, "--since": wanted.since_s})
    reproduce = export_command(case, asked.source.directory)
    if as_json:
        told = {**json_of(case, asked.speaker), "reproduce": reproduce}
        print_json(told)
    else:
        click.echo(text_of(case, asked.speaker))
        if reproduce is not None:
            again = Text(key="tell.reproduce", values={"command": reproduce})
            click.echo(f"\n{asked.speaker.say(again)}")
