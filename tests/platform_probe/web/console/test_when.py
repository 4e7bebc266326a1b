"""Whatever people type for a time; `texts/times.txt` has what they mean."""

from __future__ import annotations

import re
from datetime import datetime
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from fleet_wire.errors import ConfigError
from platform_probe.texts.times import iso_of
from platform_probe.web.console.when import Stretch, stretch_of

PARIS = ZoneInfo("Europe/Paris")
NOW_S = datetime(2026, 11, 25, 14, 0, tzinfo=PARIS).timestamp()
"""A Wednesday."""


WORDS = ("il y a", "ago", "hier", "monday", "soir", "december", "9999-12-31", "31/12", "h", "8:15")


@given(st.lists(st.sampled_from(WORDS) | st.integers().map(str), max_size=5).map(" ".join))
def test_whatever_is_said_is_a_time_that_can_be_shown(text: str) -> None:
    """A text means a time of the calendar, or none, or its error says what is wrong."""
    found: Stretch | None = None
    problem = "does not exist"
    try:
        found = stretch_of(text, PARIS, newest_s=NOW_S)
    except ConfigError as error:
        problem = str(error)
    assert re.search("exist|there is no", problem)
    if found is not None:
        assert iso_of(found.since_s, PARIS) < iso_of(found.until_s, PARIS)
