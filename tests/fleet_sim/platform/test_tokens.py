"""Tests of `fleet_sim.platform.tokens`."""

from __future__ import annotations

import pytest

from fleet_sim.platform.tokens import account_of, token_of


@pytest.mark.parametrize("account_id", ["anna", "a.b", "customer-00017"])
def test_a_token_says_whose_it_is(account_id: str) -> None:
    """Also where the account's id has a dot."""
    assert account_of("secret", token_of("secret", account_id)) == account_id


@pytest.mark.parametrize(
    "token",
    [None, "", ".", "anna", "anna.", f"anna.{'0' * 32}", "ännä.1", "x" * 10_000],
)
def test_anything_else_is_nobodys(token: str | None) -> None:
    """Nothing raises."""
    assert account_of("secret", token) is None


def test_each_fleet_has_its_own() -> None:
    """A token of one platform opens no car of another."""
    assert account_of("secret", token_of("another", "anna")) is None
