"""Traces, logs and metrics to an OTLP backend, from a process of its own."""
