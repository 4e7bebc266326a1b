"""People who use the console, and the rights of each role."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, get_args

from platform_probe.settings.console import Role

LOCAL: Final = "local"
MAX_NAME: Final = 100


class Permission(StrEnum):
    """A right that some roles have."""

    PERSONAL = "personal"
    """Customers by their names; for others they are masked."""
    SECRETS = "secrets"
    """Raw records, suspicious traffic, queries of squads: what tells how the fleet is protected."""


RIGHTS: Final[Mapping[str, frozenset[Permission]]] = {
    **{role: frozenset({Permission.SECRETS}) for role in get_args(Role)},
    "support": frozenset({Permission.PERSONAL}),
    "admin": frozenset(Permission),
}


@dataclass(frozen=True, slots=True)
class Person:
    """Who looks."""

    name: str
    role: str
    how: str
    """How that is known: token, oidc, proxy or local."""
    subject: str | None = None
    """The provider's own name for somebody who signed in there: it does not change."""
    token_hash: str = ""
    """The hash of the token that was given."""
    unmasked: frozenset[str] = frozenset()
    """Things whose customer this person has had shown, as `kind/id`."""

    @property
    def is_signed_in(self) -> bool:
        """Whether there is a session that can be ended here."""
        return self.how in {"token", "oidc"}

    def may(self, right: Permission) -> bool:
        """Return whether the role has a right."""
        return right in RIGHTS[self.role]

    def sees_customer_of(self, *things: str) -> bool:
        """Return whether customers are shown by name on the page of one of these things."""
        return self.may(Permission.PERSONAL) or not self.unmasked.isdisjoint(things)
