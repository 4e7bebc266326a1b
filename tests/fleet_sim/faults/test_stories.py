"""Faults: what a window does to a box or to the platform, in the text files of this folder.

Some faults strike the platform, and all others strike cars.
"""

from __future__ import annotations

from tests.helpers.car_player import CarPlayer
from tests.helpers.platform_player import PlatformPlayer
from tests.helpers.transcripts import stories_test

test_stories = stories_test(
    __file__,
    CarPlayer,
    abuse=PlatformPlayer,
    bookings=PlatformPlayer,
    commands=PlatformPlayer,
    gateway=PlatformPlayer,
    phone=PlatformPlayer,
    platform=PlatformPlayer,
)
