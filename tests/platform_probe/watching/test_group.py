"""The group: who is there, and whose a request is."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fleet_wire.links.announced import GONE
from platform_probe.watching.group import PRESENT, Group

NAMES = st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=6, unique=True)


def group_of(names: list[str]) -> list[Group]:
    """Return groups that know each other."""
    groups = [Group("monitors", name) for name in names]
    for group in groups:
        for other in groups:
            assert group.take(other.topic, PRESENT)
    return groups


@given(NAMES, st.text())
def test_each_request_is_one_monitors(names: list[str], key: str) -> None:
    """Whatever they are called."""
    groups = group_of(names)
    assert [group.is_ours(key) for group in groups].count(True) == 1
    assert all(len(group) == len(names) for group in groups)


@given(NAMES.filter(lambda names: len(names) > 1), st.text())
def test_who_leaves_takes_only_its_own_along(names: list[str], key: str) -> None:
    """What another had stays where it was."""
    *staying, leaving = group_of(names)
    before = [group.is_ours(key) for group in staying]
    for group in staying:
        group.take(leaving.topic, GONE)
    after = [group.is_ours(key) for group in staying]
    assert after == before or leaving.is_ours(key)
    assert after.count(True) == 1


def test_a_topic_cannot_be_left_by_a_client_id() -> None:
    """A client id may hold what a topic cannot."""
    group = Group("monitors", "a/+#b")
    assert group.topic == "probes/monitors/a%2F%2B%23b"
    assert group.topic_filter == "probes/monitors/+"
    assert group.will.payload == GONE
    assert group.will.retain


def test_other_topics_are_none_of_the_groups() -> None:
    """Messages of cars and of other groups are left to others."""
    group = Group("monitors", "one")
    assert not group.take("cars/car-1/state", b"")
    assert not group.take("probes/others/two", PRESENT)
    assert len(group) == 1


def test_nobody_can_take_ourselves_out() -> None:
    """The last will of our own former connection may come behind our announcement."""
    group = Group("monitors", "one")
    group.take(group.topic, GONE)
    assert group.is_ours("r1")
