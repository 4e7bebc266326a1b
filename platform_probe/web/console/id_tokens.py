"""ID tokens of OpenID Connect: what one says of a person, and whether its provider has said it.

https://openid.net/specs/openid-connect-core-1_0.html#IDTokenValidation. No other module knows jwt.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from typing import Any, Final

import jwt
import msgspec

ALGORITHMS: Final = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
)  # fmt: skip
"""The algorithms of a provider's signature: neither `none`, nor one with the client's secret."""
MAX_TOKEN: Final = 64_000
_REQUIRED: Final = ("iss", "sub", "aud", "exp", "iat", "nonce")
_WRONG_KEY: Final = (jwt.InvalidSignatureError, jwt.InvalidKeyError, jwt.PyJWKError)

Claims = Mapping[str, Any]


class WrongTokenError(Exception):
    """The token is not one that the provider gave for this sign-in; says why."""


class UnknownKeyError(Exception):
    """It is signed with a key that is not among those that are known."""


class WrongKeysError(Exception):
    """The provider's keys are malformed."""


class Keys:
    """The keys with which a provider signs (RFC 7517)."""

    def __init__(self, document: bytes) -> None:
        """Read a key set. Raises `WrongKeysError`."""
        try:
            keys = msgspec.json.decode(document, type=_KeySet).keys
        except msgspec.MsgspecError as error:
            raise WrongKeysError(str(error)) from None
        self._keys: Sequence[dict[str, Any]] = [
            key for key in keys if key.get("use", "sig") == "sig" and key.get("kty") != "oct"
        ]
        if not self._keys:
            raise WrongKeysError("no key with which it could sign")

    def keys_for(self, header: Mapping[str, Any]) -> list[jwt.PyJWK]:
        """Return those by which a token with this header may be signed."""
        named, algorithm = header.get("kid"), header["alg"]
        found = []
        for key in self._keys:
            is_fit = named in (None, key.get("kid")) and key.get("alg", algorithm) == algorithm
            if is_fit and (made := _make_key(key, algorithm)) is not None:
                found.append(made)
        return found


class _KeySet(msgspec.Struct):
    keys: list[dict[str, Any]]


def _make_key(key: dict[str, Any], algorithm: str) -> jwt.PyJWK | None:
    try:
        return jwt.PyJWK(key, algorithm)
    except Exception:  # noqa: BLE001 - a key that is none, or of another kind; the library has many words
        return None


def claims_of(
    token: str, keys: Keys, *, issuer: str, client_id: str, nonce: str, skew_s: float
) -> Claims:
    """Return what a token says. Raises `WrongTokenError`, `UnknownKeyError`."""
    header = _header_of(token)
    fitting = keys.keys_for(header)
    if not fitting:
        raise UnknownKeyError
    for key in fitting:
        try:
            claims: Claims = jwt.decode(
                token,
                key,
                algorithms=[header["alg"]],
                issuer=issuer,
                audience=client_id,
                leeway=skew_s,
                options={"require": list(_REQUIRED)},
            )
        except _WRONG_KEY:
            continue
        except (jwt.InvalidTokenError, ArithmeticError, TypeError, ValueError) as error:
            raise WrongTokenError(str(error)) from None
        _check_rest(claims, client_id, nonce)
        return claims
    raise WrongTokenError("its signature is not the provider's")


def _header_of(token: str) -> Mapping[str, Any]:
    if len(token) > MAX_TOKEN:
        raise WrongTokenError(f"longer than {MAX_TOKEN} letters")
    try:
        header = jwt.get_unverified_header(token)
    except (jwt.InvalidTokenError, ValueError) as error:
        raise WrongTokenError(f"no JWT: {error}") from None
    algorithm = header.get("alg")
    if algorithm not in ALGORITHMS:
        raise WrongTokenError(f"signed by {algorithm!r}, which proves nothing")
    return header


def _check_rest(claims: Claims, client_id: str, nonce: str) -> None:
    audience = claims["aud"]
    party = claims.get("azp")
    if party not in (None, client_id) or (
        isinstance(audience, list) and len(audience) > 1 and party is None
    ):
        raise WrongTokenError("given to another client")
    if not isinstance(claims["nonce"], str) or not hmac.compare_digest(
        claims["nonce"].encode("utf-8", "replace"), nonce.encode()
    ):
        raise WrongTokenError("not of this sign-in: another nonce")
    if not isinstance(claims["sub"], str) or not claims["sub"]:
        raise WrongTokenError("names nobody")


def claim_at(claims: Claims, name: str) -> Any:
    """Return a claim by its name, or by a path of names with dots between; None where it is not."""
    if name in claims:
        return claims[name]
    found: Any = claims
    for part in name.split("."):
        if not isinstance(found, Mapping) or part not in found:
            return None
        found = found[part]
    return found
