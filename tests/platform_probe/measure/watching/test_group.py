"""The group: who is there, and whose a car's unlocks are."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from platform_probe.measure.watching.group import (
    ANNOUNCED_EVERY_S,
    BACK_S,
    GONE,
    LISTENING,
    LOOK_S,
    NO_LOG_S,
    PRESENT,
    SILENT_S,
    STOPS_S,
    Group,
)
from tests.helpers.fake_clock import FakeClock

LISTENS_S = 20.0
NAMES = st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=6, unique=True)
CARS = [f"car-{number}" for number in range(64)]


class GroupBench:
    """Groups of one name on a broker that loses nothing."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.groups: list[Group] = []

    def join(self, name: str, *, reads_log: bool = False) -> Group:
        """Let a monitor connect, which hears at once what is retained."""
        joining = Group(
            "monitors", name, clock=self.clock, listens_s=LISTENS_S, reads_log=reads_log
        )
        joining.begin_anew()
        for other in self.groups:
            joining.handle_message(other.topic, PRESENT if other.counts else LISTENING)
        self.groups.append(joining)
        self.announce()
        return joining

    def announce(self, *, but: Group | None = None) -> None:
        """Let all, or all but one, announce themselves to all."""
        for one in self.groups:
            if one is not but:
                word = one.announcement()
                assert all(other.handle_message(one.topic, word) for other in self.groups)

    def wait(self, seconds: float, *, but: Group | None = None) -> None:
        """Let time pass in which all, or all but one, announce themselves each second."""
        for _ in range(round(seconds)):
            self.clock.now_s += 1.0
            self.announce(but=but)

    def owners(self) -> list[list[str]]:
        """Return for each car the topics of those who count it."""
        return [[one.topic for one in self.groups if one.is_ours(car)] for car in CARS]


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


def test_who_comes_to_others_listens_before_it_counts() -> None:
    """It must have heard of each command that may be sent again, and whose that is."""
    bench = GroupBench()
    first = bench.join("one")
    bench.wait(LOOK_S)
    assert (first.counts, first.next_in_s()) == (True, ANNOUNCED_EVERY_S)
    second = bench.join("two")
    bench.wait(LISTENS_S - 1.0)
    assert bench.owners() == [[first.topic]] * len(CARS)
    assert (second.counts, second.next_in_s()) == (False, LOOK_S)
    bench.wait(1.0)
    assert {*map(tuple, bench.owners())} == {(first.topic,), (second.topic,)}


def test_who_comes_back_listens_again() -> None:
    """What was sent meanwhile it has not heard."""
    bench = GroupBench()
    first, second = bench.join("one"), bench.join("two")
    bench.wait(LISTENS_S)
    second.on_connection_lost()
    first.handle_message(second.topic, GONE)
    second.begin_anew()
    bench.announce()
    assert bench.owners() == [[first.topic]] * len(CARS)


def test_while_the_broker_is_away_each_keeps_its_part() -> None:
    """However long: what the platform's log says of that time counts once too."""
    bench = GroupBench()
    first, _ = bench.join("one"), bench.join("two")
    bench.wait(LISTENS_S)
    before = bench.owners()
    for one in bench.groups:
        one.on_connection_lost()
    bench.clock.now_s += 10 * SILENT_S
    assert bench.owners() == before
    first.begin_anew()
    assert bench.owners() == before
    bench.clock.now_s += LOOK_S
    assert first.announcement() == PRESENT
    bench.clock.now_s += BACK_S
    assert all(map(first.is_ours, CARS))


def test_a_broker_that_stops_sends_all_wills_and_takes_nobody_out() -> None:
    """Each hears that the others are gone, and then loses the connection itself."""
    bench = GroupBench()
    first, second = bench.join("one"), bench.join("two")
    bench.wait(LISTENS_S)
    before = bench.owners()
    first.handle_message(second.topic, GONE)
    second.handle_message(first.topic, GONE)
    assert before != bench.owners()
    for one in bench.groups:
        one.on_connection_lost()
    assert bench.owners() == before


def test_who_left_long_before_the_broker_did_stays_gone() -> None:
    """Its cars are the others', whatever becomes of the broker."""
    bench = GroupBench()
    first, second = bench.join("one"), bench.join("two")
    bench.wait(LISTENS_S)
    first.handle_message(second.topic, GONE)
    bench.clock.now_s += STOPS_S
    first.on_connection_lost()
    assert all(map(first.is_ours, CARS))


def test_who_is_silent_is_gone() -> None:
    """Its last will is lost where the broker stopped at the same time: its cars are not."""
    bench = GroupBench()
    first, second = bench.join("one"), bench.join("two")
    bench.wait(LISTENS_S)
    assert [second.topic] in bench.owners()
    bench.wait(SILENT_S, but=second)
    assert all(map(first.is_ours, CARS))


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


def test_a_topic_cannot_be_left_by_a_client_id() -> None:
    """A client id may hold what a topic cannot."""
    group = Group("monitors", "a/+#b", clock=FakeClock(), listens_s=LISTENS_S)
    assert group.topic == "probes/monitors/a%2F%2B%23b"
    assert group.topic_filter == "probes/monitors/+"
    assert group.will.payload == GONE
    assert group.will.retain


def test_other_topics_are_none_of_the_groups() -> None:
    """Messages of cars and of other groups are left to others."""
    group = GroupBench().join("one")
    assert not group.handle_message("cars/car-1/state", b"")
    assert not group.handle_message("probes/others/two", PRESENT)
    assert all(map(group.is_ours, CARS))


def test_nobody_can_take_ourselves_out() -> None:
    """The last will of our own former connection may come behind our announcement."""
    group = GroupBench().join("one")
    group.handle_message(group.topic, GONE)
    assert group.is_ours("car-1")


def test_who_has_the_platforms_log_counts_for_those_who_have_not() -> None:
    """What never came to the broker only they can count; the others stand by, and say so."""
    bench = GroupBench()
    first, second = bench.join("one"), bench.join("two")
    bench.wait(LISTENS_S)
    assert {*map(tuple, bench.owners())} == {(first.topic,), (second.topic,)}
    first.line_came()
    bench.wait(1.0)
    assert bench.owners() == [[first.topic]] * len(CARS)
    assert (first.stands_by, second.stands_by) == (False, True)
    second.line_came()
    bench.wait(1.0)
    assert {*map(tuple, bench.owners())} == {(first.topic,), (second.topic,)}
    assert not second.stands_by


def test_a_log_that_comes_to_another_now_moves_the_cars() -> None:
    """A collector that was set anew is followed; a night without any line changes nothing."""
    bench = GroupBench()
    first, second = bench.join("one"), bench.join("two")
    bench.wait(LISTENS_S)
    first.line_came()
    bench.wait(2 * NO_LOG_S)
    assert bench.owners() == [[first.topic]] * len(CARS)
    second.line_came()
    bench.wait(1.0)
    assert bench.owners() == [[second.topic]] * len(CARS)
    assert first.stands_by


def test_who_reads_a_file_has_the_log_before_a_line_comes() -> None:
    """Nothing changes hands with the first line of the day."""
    bench = GroupBench()
    first, second = bench.join("one", reads_log=True), bench.join("two", reads_log=True)
    third = bench.join("three")
    bench.wait(LISTENS_S + NO_LOG_S)
    assert {*map(tuple, bench.owners())} == {(first.topic,), (second.topic,)}
    assert (first.stands_by, third.stands_by) == (False, True)


def test_who_has_the_log_keeps_it_while_the_broker_is_away() -> None:
    """Nobody could say meanwhile that lines came."""
    bench = GroupBench()
    first, _ = bench.join("one"), bench.join("two")
    bench.wait(LISTENS_S)
    for one in bench.groups:
        one.line_came()
    bench.wait(1.0)
    before = bench.owners()
    for one in bench.groups:
        one.on_connection_lost()
    bench.clock.now_s += 2 * NO_LOG_S
    for one in bench.groups:
        one.line_came()
        assert bench.owners() == before
    first.begin_anew()
    bench.clock.now_s += LOOK_S
    first.announcement()
    assert bench.owners() == before


def test_who_has_just_come_has_only_seen_no_line_yet() -> None:
    """It stands by, and that is no reason for a warning."""
    bench = GroupBench()
    first = bench.join("one")
    bench.wait(LOOK_S)
    first.line_came()
    second = bench.join("two")
    bench.wait(LISTENS_S)
    assert bench.owners() == [[first.topic]] * len(CARS)
    assert not second.stands_by


@given(st.binary())
def test_whatever_another_says_is_taken(word: bytes) -> None:
    """Anybody may write there who may publish: it is taken without an error."""
    group = GroupBench().join("one")
    group.handle_message("probes/monitors/two", word)
    group.announcement()
    assert group.is_ours("car-1") in {True, False}
