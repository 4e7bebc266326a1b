"""Where traces, logs and metrics go: what can be set, and what a wrong setting is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleet_wire.errors import ConfigError
from platform_probe.settings.monitor import load_settings
from platform_probe.settings.otlp import OtlpSettings, Signal, read_headers


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


def test_a_signal_has_its_own_endpoint_and_headers(tmp_path: Path) -> None:
    """Its URL is used as it is, and its headers take the place of the common ones."""
    common, own = tmp_path / "common", tmp_path / "own"
    common.write_text("Authorization: Bearer common\n")
    own.write_text("Authorization: Bearer own\n")
    settings = otlp(
        endpoint="https://backend",
        headers_file=str(common),
        metrics={"endpoint": "https://other/ingest", "headers_file": str(own)},
    )
    assert settings.url_of(Signal.METRICS) == "https://other/ingest"
    assert settings.headers_of(Signal.METRICS) == {"authorization": "Bearer own"}
    assert settings.headers_of(Signal.LOGS) == {"authorization": "Bearer common"}


def test_a_missing_header_file_is_told(tmp_path: Path) -> None:
    """With its path."""
    with pytest.raises(ConfigError, match="No such file"):
        read_headers(tmp_path / "none")
