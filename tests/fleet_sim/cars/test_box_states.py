"""Every state meets every event; the diagram in the docs is the one that the tables draw."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Any

import pytest

from fleet_sim.cars import box_states
from fleet_sim.cars.box_states import CONNECTION, POWER, SOCKET, WORK, mermaid, next_state
from fleet_wire.errors import LocalProtocolError

TABLES: dict[str, tuple[dict[Any, dict[Any, Any]], type[Enum]]] = {
    "Power": (POWER, box_states.PowerEvent),
    "ConnectionState": (CONNECTION, box_states.ConnectionEvent),
    "Socket": (SOCKET, box_states.SocketEvent),
    "Work": (WORK, box_states.WorkEvent),
}


@pytest.mark.parametrize("name", TABLES)
def test_each_pair_has_a_next_state_or_an_error(name: str) -> None:
    """No pair of state and event is undefined: the table has a way, or `next_state` raises."""
    table, events = TABLES[name]
    for state in table:
        for event in events:
            if event in table[state]:
                assert next_state(table, state, event) in table
            else:
                said = f"{name}: no transition from '{state.value}' on '{event.value}'"
                with pytest.raises(LocalProtocolError, match=f"^{said}$"):
                    next_state(table, state, event)


@pytest.mark.parametrize("name", TABLES)
def test_every_state_can_be_reached_and_every_event_is_used(name: str) -> None:
    """Nothing in a table is dead."""
    table, events = TABLES[name]
    start = next(iter(table))
    reached, todo = {start}, [start]
    while todo:
        for target in table[todo.pop()].values():
            if target not in reached:
                reached.add(target)
                todo.append(target)
    assert reached == set(table)
    assert {event for row in table.values() for event in row} == set(events)


@pytest.mark.parametrize("name", TABLES)
def test_the_docs_show_the_tables(name: str) -> None:
    """docs/box-states.md holds what `mermaid` draws."""
    text = Path("docs/box-states.md").read_text(encoding="utf-8")
    assert f"```mermaid\n{mermaid(TABLES[name][0])}\n```" in text
