"""Signatures of commands."""

from __future__ import annotations

import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet_wire.contract.messages import Action, Command
from fleet_wire.contract.signing import is_signed, parse_vehicle_key, signature_of, vehicle_key
from fleet_wire.errors import LocalProtocolError

SECRET = "unlockpath-demo-secret"  # noqa: S105 - the demo's secret is public
KEY = vehicle_key(SECRET, "car-00001")
FIELDS = st.fixed_dictionaries(
    {
        "command_id": st.text(max_size=30),
        "action": st.sampled_from(Action),
        "expires_at_ms": st.integers(0, 2**53),
        "counter": st.integers(0, 2**53),
    }
)


def _command(signature: str, fields: dict[str, object]) -> Command:
    return Command(issued_at_ms=0, signature=signature, **fields)  # type: ignore[arg-type]


def test_known_answers() -> None:
    """Boxes and platforms of other versions make the same key and signature."""
    assert KEY.hex() == "277ba20e5413a585003657e6ed1583724ec95128e3238cd34e9467d634df5553"
    signature = signature_of(
        KEY, command_id="c1", action=Action.UNLOCK, expires_at_ms=1_700_000_000_000, counter=1
    )
    assert signature == "65b9c19bf282370f5f5ae46ecda4bea2f0a03de233abccde5b0760f9dab67b57"


@pytest.mark.parametrize("secret", ["", "short", "é" * 32, "é" * 33, "longer than a block" * 9])
def test_the_key_of_a_car_is_an_hmac_of_its_id(secret: str) -> None:
    """As the standard library makes it, for secrets shorter and longer than a block of SHA-256."""
    for vehicle_id in ("car-00001", "", "ü" * 200):
        expected = hmac.digest(secret.encode(), vehicle_id.encode(), "sha256")
        assert vehicle_key(secret, vehicle_id) == expected


@pytest.mark.parametrize(
    "digits", ["", "277ba20e", f"{KEY.hex()}\n", f" {KEY.hex()[1:]}", "é" * 64]
)
def test_a_key_is_handed_on_as_digits(digits: str) -> None:
    """Who opens one car gets its key. What is none may be a secret, and is not shown."""
    assert parse_vehicle_key(KEY.hex()) == parse_vehicle_key(KEY.hex().upper()) == KEY
    with pytest.raises(LocalProtocolError) as caught:
        parse_vehicle_key(digits)
    assert str(caught.value) == "expected a key of 64 hexadecimal digits"


@given(FIELDS, st.binary(min_size=1, max_size=64))
def test_signature_is_the_standard_hmac(fields: dict[str, object], key: bytes) -> None:
    """Whoever has an HMAC-SHA256 (RFC 2104) can sign, in any language."""
    text = "{command_id}|{action}|{expires_at_ms}|{counter}".format(**fields)
    expected = hmac.new(key, text.encode(), "sha256").hexdigest()
    assert signature_of(key, **fields) == expected  # type: ignore[arg-type]
    assert is_signed(key, _command(expected, fields))


@given(FIELDS, FIELDS)
def test_signature_is_of_one_command_only(
    fields: dict[str, object], others: dict[str, object]
) -> None:
    """A signature fits no other command."""
    signature = signature_of(KEY, **fields)  # type: ignore[arg-type]
    assert is_signed(KEY, _command(signature, others)) == (fields == others)


@given(FIELDS)
def test_signature_is_of_one_car_only(fields: dict[str, object]) -> None:
    """The key of a stolen box opens no other car, nor does another fleet's."""
    for key in (vehicle_key(SECRET, "car-00002"), vehicle_key("other", "car-00001")):
        signature = signature_of(key, **fields)  # type: ignore[arg-type]
        assert not is_signed(KEY, _command(signature, fields))


@given(st.text(), FIELDS)
def test_any_text_may_be_offered(text: str, fields: dict[str, object]) -> None:
    """Text that is no signature is refused, whatever it holds."""
    expected = signature_of(KEY, **fields)  # type: ignore[arg-type]
    assert is_signed(KEY, _command(text, fields)) == (text == expected)
