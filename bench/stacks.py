"""The client stacks that are compared, by the name that `--stacks` takes."""

from __future__ import annotations

STACKS = {
    "c": "C, epoll, hand-made: the floor",
    "bare": "lean link, one answer a command",
    "bare3": "lean link, a full box's packets",
    "full": "full box, null delay",
    "paho": "paho-mqtt on one epoll loop",
    "gmqtt": "gmqtt, uvloop",
    "aiomqtt": "aiomqtt, uvloop",
}
