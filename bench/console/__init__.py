"""The console over ten million unlocks: how long a page takes, and what it takes from unlocks."""
