"""What happened, told in French."""

from __future__ import annotations

from pathlib import Path

from bench.detection.town import EPOCH_S
from platform_probe.store.duck import Duck
from platform_probe.store.reading import Source
from platform_probe.tell.support.fitting import UnlockQuery
from platform_probe.tell.support.looking_up import look_up_in
from platform_probe.tell.support.timeline import timeline_of
from tests.helpers.busy_store import make_busy_store
from tests.helpers.english import ENGLISH, FRENCH

AT = EPOCH_S


def test_what_happened_is_told_in_french(tmp_path: Path) -> None:
    """Every line of unlocks that have all kinds of lines between them: none is as in English."""
    make_busy_store(tmp_path)
    source = Source(tmp_path)
    ids = [f"attempt-{number}" for number in (3, 5, 10, 13, 20, 33, 38, 52)]

    def lines(duck: Duck) -> set[tuple[str, str]]:
        cases = (look_up_in(duck, source, UnlockQuery(attempt=one), AT) for one in ids)
        told = [one.what for case in cases for one in timeline_of(case)]
        return {(ENGLISH.say(one), FRENCH.say(one)) for one in told}

    found = source.read(lines)
    assert {english for english, french in found if english == french} == set()
    assert len(found) > 30
