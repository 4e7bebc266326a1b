"""The command `fleet-sim faults`."""

from __future__ import annotations

import click
from rich.console import Console
from rich.table import Table

from fleet_sim.faults import FAULTS


@click.command()
def faults() -> None:
    """List the faults that a scenario may inject, with their parameters and defaults."""
    console = Console()
    for name, fault in sorted(FAULTS.items()):
        console.print(f"[bold]{name}[/bold]  {fault.summary}")
        table = Table(box=None, show_header=False, padding=(0, 2))
        for key, field in fault.model_fields.items():
            default = field.get_default(call_default_factory=True)
            table.add_row("", key, str(default), field.description or "")
        console.print(table)
