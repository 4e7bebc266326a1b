"""The client stacks that are compared."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stack:
    """One kind of fleet. The limits keep a slow stack from taking most of the time of a run."""

    kind: str
    title: str
    max_boxes: int = 10_000
    max_rate_per_s: float = 2_000.0


STACKS = {
    stack.kind: stack
    for stack in (
        Stack("c", "C, epoll, hand-made: the floor"),
        Stack("bare", "lean link, one answer a command"),
        Stack("bare3", "lean link, a full box's packets"),
        Stack("full", "full box, null delay"),
        Stack("paho", "paho-mqtt on one epoll loop"),
        Stack("gmqtt", "gmqtt, uvloop"),
        Stack("aiomqtt", "aiomqtt, uvloop", max_boxes=5_000, max_rate_per_s=1_000.0),
    )
}
