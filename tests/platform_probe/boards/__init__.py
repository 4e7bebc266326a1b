"""Boards of squads."""
