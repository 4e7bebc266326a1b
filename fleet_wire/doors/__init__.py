"""Doors: how a phone asks an HTTP API to open a car, as a file describes it."""
