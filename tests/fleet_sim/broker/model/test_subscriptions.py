"""Filters and the subscription index of the broker model."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fleet_sim.broker.model.session import BrokerSession
from fleet_sim.broker.model.subscriptions import Subscriptions, filter_pattern, is_valid_filter

LEVELS = st.sampled_from(["a", "b", "", "$x"])
TOPICS = st.lists(LEVELS, min_size=1, max_size=4).map("/".join).filter(bool)
FILTERS = st.builds(
    lambda levels, end: "/".join([*levels, *end]),
    st.lists(st.one_of(LEVELS, st.just("+")), max_size=4),
    st.sampled_from([["#"], ["+"], ["a"]]),
)


def matches(topic_filter: str, topic: str) -> bool:
    """Compare level by level, as section 4.7 of the specification says it."""
    if topic.startswith("$") and topic_filter[0] in "+#":
        return False
    wanted, given_levels = topic_filter.split("/"), topic.split("/")
    for index, level in enumerate(wanted):
        if level == "#":
            return True
        if index == len(given_levels) or level not in ("+", given_levels[index]):
            return False
    return len(wanted) == len(given_levels)


@pytest.mark.parametrize(
    ("topic_filter", "is_valid"),
    [
        ("a", True),
        ("/", True),
        ("+", True),
        ("#", True),
        ("a/+/b/#", True),
        ("$share/group/a/+", True),
        ("$share/group//a", True),
        ("", False),
        ("a#", False),
        ("a/#/b", False),
        ("a/b+", False),
        ("##", False),
        ("$share/group", False),
        ("$share//a", False),
        ("$share/g+/a", False),
        ("$share/g#/a", False),
        ("$share/group/", False),
    ],
)
def test_valid_filters(topic_filter: str, is_valid: bool) -> None:  # noqa: FBT001
    """Wildcards fill a level, `#` the last one; a group has a name and a filter."""
    assert is_valid_filter(topic_filter) == is_valid


@given(topic_filter=FILTERS, topic=TOPICS)
def test_pattern_matches_as_the_specification_says(topic_filter: str, topic: str) -> None:
    """The regular expression agrees with the comparison level by level."""
    assert (filter_pattern(topic_filter).fullmatch(topic) is not None) == matches(
        topic_filter, topic
    )


@example(topic_filters=["a", "$x/+"], topic="$x/a", removed=0)
@given(
    topic_filters=st.lists(FILTERS, max_size=6, unique=True), topic=TOPICS, removed=st.integers()
)
def test_index_finds_each_matching_filter(
    topic_filters: list[str], topic: str, removed: int
) -> None:
    """A session is found once for each of its filters that matches, until that is removed."""
    index = Subscriptions()
    sessions = {topic_filter: BrokerSession(topic_filter) for topic_filter in topic_filters}
    for topic_filter, session in sessions.items():
        assert topic_filter not in [session.client_id for session in index.match(topic, lambda: 0)]
        index.add(topic_filter, session)
    if topic_filters:
        gone = topic_filters[removed % len(topic_filters)]
        index.remove(gone, sessions.pop(gone))
    found = [session.client_id for session in index.match(topic, lambda: 0)]
    assert sorted(found) == sorted(each for each in sessions if matches(each, topic))


def test_a_group_is_found_beside_every_other_way_to_a_topic() -> None:
    """Literal, `+` and `#` lead to the same message; each group gets it once, by whatever way."""
    index = Subscriptions()
    filters = [
        "a/b",
        "a/+",
        "a/#",
        "+/b",
        "#",
        "$share/one/a/b",
        "$share/two/+/+",
        "$share/three/#",
    ]
    for topic_filter in filters:
        index.add(topic_filter, BrokerSession(topic_filter))
    assert sorted(one.client_id for one in index.match("a/b", lambda: 0)) == sorted(filters)


def test_expired_members_of_a_group_are_passed_over() -> None:
    """A group whose members are all expired gives one of them, which then ends."""
    index = Subscriptions()
    alive, expired = BrokerSession("alive"), BrokerSession("expired")
    expired.expires_at_s = 5
    index.add("$share/group/topic", expired)
    index.add("$share/group/topic", alive)
    assert [index.match("topic", lambda: 6)[0] for _ in range(3)] == [alive] * 3
    index.remove("$share/group/topic", alive)
    assert [*index.match("topic", lambda: 6)] == [expired]
    index.remove("$share/group/topic", expired)
    assert [*index.match("topic", lambda: 6)] == []
