"""Ids as people remember them."""

from __future__ import annotations

import pytest

from platform_probe.tell.support.nearest import nearest, same_id

CARS = ["car-00042", "car-00142", "CAR-9", "van_7", "m-ab 123"]


def test_letters_do_not_matter() -> None:
    """Capitals are forgiven, digits are not; of two that differ in letters none is guessed."""
    texts = ("car-00042", " Car-00042", "car-9", "car-42")
    assert [same_id(text, CARS) for text in texts] == ["car-00042", "car-00042", "CAR-9", None]
    assert same_id("Car-1", ["car-1", "CAR-1"]) is None


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("CAR-42", ["car-00042"]),
        ("car42", ["car-00042"]),
        ("M AB 123", ["m-ab 123"]),
        ("car-00041", ["car-00042"]),
        ("van7", ["van_7"]),
        ("", []),
        ("zzz", []),
        ("'; --", []),
    ],
)
def test_nearest_is_first(text: str, first: list[str]) -> None:
    """Zeros, signs and capitals are what people leave out; rather none than any."""
    assert [*nearest(text, CARS)[:1]] == first
