"""`platform-probe cohorts`: which cohort the failures share, and since when."""

from __future__ import annotations

import click

from fleet_wire.printing import print_json
from platform_probe.commands.asking import StoreOptions, language_option, store_options
from platform_probe.store.schema import COMPLAINTS
from platform_probe.tell.support.cohorts import around_in_words, finding_json, search_since

DEFAULT_SINCE = "1h"


@click.command()
@store_options
@click.option(
    "--since", metavar="TIME", default=DEFAULT_SINCE, show_default=True,
    help="Since when they are many, as 08:15 or 2h: a guess is enough.",
)  # fmt: skip
@click.option("--until", metavar="TIME", help="Until then.  [default: the newest record]")
@language_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def cohorts(
    *,
    store: StoreOptions,
    since: str,
    until: str | None,
    language: str | None,
    as_json: bool,
) -> None:
    """Find the cohort that failures share: a region, an operator, a firmware, or several of these.

    \b
    platform-probe cohorts --since 08:10 --store store
    platform-probe cohorts --run runs/morning

    The day before shows what is usual. If the shared problem began at another time, the search is
    repeated from there.
    """  # noqa: D301 - click's own escape
    asked = store.question(language=language)
    span = asked.span(since, until, [COMPLAINTS])
    finding = asked.source.read(lambda duck: search_since(duck, span))
    speaker = asked.speaker.on(
        asked.source.newest_s([COMPLAINTS]) if span.until_s is None else span.until_s
    )
    if as_json:
        told = finding_json(finding, speaker)
        print_json(told)
    else:
        click.echo(around_in_words(finding, speaker))
