"""Transcripts: what happens and what comes of it, in text files beside the tests that play them."""
