"""The group: whatever monitors are called and say; `group.txt` has who comes and goes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from platform_probe.measure.watching.group import GONE, PRESENT, SILENT_S, Group
from tests.helpers.fake_clock import FakeClock
from tests.helpers.group_player import CARS, LISTENS_S, GroupBench

NAMES = st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=6, unique=True)


@given(NAMES, st.text())
def test_each_car_is_one_monitors(names: list[str], key: str) -> None:
    """Whatever they are called, before they count and after."""
    bench = GroupBench()
    groups = [bench.join(name) for name in names]
    assert [group.is_ours(key) for group in groups].count(True) == 1
    bench.wait(LISTENS_S)
    assert all(group.counts for group in groups)
    assert [group.is_ours(key) for group in groups].count(True) == 1


@given(NAMES.filter(lambda names: len(names) > 1), st.text())
def test_who_leaves_takes_only_its_own_along(names: list[str], key: str) -> None:
    """What another had stays where it was."""
    bench = GroupBench()
    *staying, leaving = [bench.join(name) for name in names]
    before = [group.is_ours(key) for group in staying]
    for group in staying:
        group.handle_message(leaving.topic, GONE)
    after = [group.is_ours(key) for group in staying]
    assert after == before or leaving.is_ours(key)
    assert after.count(True) == 1


def test_who_was_gone_before_we_came_is_not_waited_for() -> None:
    """A broker may still have its announcement, though nobody is there."""
    clock = FakeClock()
    group = Group("monitors", "one", clock=clock, listens_s=2 * SILENT_S)
    group.begin_anew()
    group.handle_message("probes/monitors/gone", PRESENT)
    assert not any(map(group.is_ours, CARS))
    clock.now_s += SILENT_S
    assert all(map(group.is_ours, CARS))
    assert group.announcement() == PRESENT


def test_a_group_keeps_to_its_topics() -> None:
    """A client id may hold what a topic cannot; messages of cars and other groups are others'."""
    odd = Group("monitors", "a/+#b", clock=FakeClock(), listens_s=LISTENS_S)
    assert (odd.topic, odd.topic_filter) == ("probes/monitors/a%2F%2B%23b", "probes/monitors/+")
    assert (odd.will.payload, odd.will.retain) == (GONE, True)
    group = GroupBench().join("one")
    for topic, payload in (("cars/car-1/state", b""), ("probes/others/two", PRESENT)):
        assert not group.handle_message(topic, payload)
    assert all(map(group.is_ours, CARS))


@given(st.binary())
def test_whatever_another_says_is_taken(word: bytes) -> None:
    """Anybody may write there who may publish: it is taken without an error."""
    group = GroupBench().join("one")
    group.handle_message("probes/monitors/two", word)
    group.announcement()
    assert group.is_ours("car-1") in {True, False}
