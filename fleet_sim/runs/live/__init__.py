"""Live runs: asyncio steps the model, on a real broker."""
