"""The platform's connection to the broker, for the messages of all cars."""

from __future__ import annotations

from fleet_wire.contract.topics import TopicKind
from fleet_wire.links.link import LinkLimits, Session
from fleet_wire.profiles.profile import Profile

KEEPALIVE_S = 15
"""Short: a broker that vanished without a word is noticed within a command's life."""
PLATFORM_LINK_LIMITS = LinkLimits(
    receive_max=65_535,
    max_in_flight=20_000,
    max_queued=20_000,
    acknowledge_after_s=0.01,
    read_together_s=0.003,
)
"""One link carries what the whole fleet answers; for whoever makes the platform's `World`."""


def platform_session(profile: Profile, client_id: str, *, shared_group: str | None) -> Session:
    """Return the identity and the subscriptions of a platform for CONNECT.

    Its session is clean: an old one must not publish commands whose life is over.
    """
    results = profile.filters((TopicKind.RESULT,))
    if shared_group is not None:
        results = tuple(f"$share/{shared_group}/{each}" for each in results)
    # Presence and state are never shared: each member needs to know them of all cars, and a
    # broker gives no retained messages to a shared subscription (MQTT 5, section 4.8.2).
    others = profile.filters((TopicKind.PRESENCE, TopicKind.STATE))
    return Session(
        client_id,
        subscriptions=tuple(dict.fromkeys((*results, *others))),
        clean_start=True,
        keepalive_s=KEEPALIVE_S,
    )
