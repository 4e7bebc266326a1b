"""Journals that releases recorded, with their judgements: a later release judges them the same."""
