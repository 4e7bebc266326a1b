"""Ids as people remember them."""

from __future__ import annotations

import pytest

from platform_probe.tell.support.nearest import nearest, same_id

CARS = ["car-00042", "car-00142", "CAR-9", "van_7", "m-ab 123"]


@pytest.mark.parametrize(
    ("text", "found"),
    [("car-00042", "car-00042"), (" Car-00042", "car-00042"), ("car-9", "CAR-9"), ("car-42", None)],
)
def test_letters_do_not_matter(text: str, found: str | None) -> None:
    """Capitals are forgiven, digits are not."""
    assert same_id(text, CARS) == found


def test_two_that_differ_in_letters_are_not_guessed() -> None:
    """Nobody opens the wrong one by our guess."""
    assert same_id("Car-1", ["car-1", "CAR-1"]) is None


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("CAR-42", "car-00042"),
        ("car42", "car-00042"),
        ("M AB 123", "m-ab 123"),
        ("car-00041", "car-00042"),
        ("van7", "van_7"),
    ],
)
def test_nearest_is_first(text: str, first: str) -> None:
    """Zeros, signs and capitals are what people leave out."""
    assert nearest(text, CARS)[0] == first


@pytest.mark.parametrize("text", ["", "zzz", "'; --"])
def test_nothing_is_near(text: str) -> None:
    """Rather none than any."""
    assert nearest(text, CARS) == []
