"""What holds of each profile that ships. Its own messages stand in `shipped.txt`."""

from __future__ import annotations

import pytest

from fleet_wire.errors import RemoteProtocolError
from fleet_wire.profiles.loading import NAMES, load_profile
from tests.helpers.messages import message_of


@pytest.mark.parametrize("name", NAMES)
def test_topics_of_others_are_nobodys(name: str) -> None:
    """What is on no topic of the profile is refused, and counted by who asked."""
    with pytest.raises(RemoteProtocolError):
        load_profile(name).slots_of(message_of("somewhere/else/entirely", b""))
