"""Where traces, logs and metrics go."""

from __future__ import annotations

from platform_probe.settings.monitor import load_settings
from platform_probe.settings.otlp import OtlpSettings, Signal


def otlp(**values: object) -> OtlpSettings:
    """Return settings as the probe would."""
    settings = load_settings(None, {("otlp",): (values, "--test")}).otlp
    assert settings is not None
    return settings


def test_an_endpoint_gets_the_path_of_each_signal() -> None:
    """As the variable OTEL_EXPORTER_OTLP_ENDPOINT does, with a slash at its end or without."""
    for endpoint in ("http://localhost:4318", "http://localhost:4318/"):
        settings = otlp(endpoint=endpoint)
        assert [settings.url_of(signal) for signal in settings.signals] == [
            "http://localhost:4318/v1/traces",
            "http://localhost:4318/v1/logs",
            "http://localhost:4318/v1/metrics",
        ]
    assert otlp(endpoint="https://x/otlp").url_of(Signal.LOGS) == "https://x/otlp/v1/logs"
