"""HTTP, for every server and client of this project; why aiohttp: docs/decisions/0009."""
