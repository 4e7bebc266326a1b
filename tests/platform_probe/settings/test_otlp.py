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


def problem_of(**values: object) -> str:
    """Return what is said about wrong settings."""
    with pytest.raises(ConfigError) as caught:
        otlp(**values)
    (problem,) = caught.value.problems
    return problem


def test_nothing_is_exported_unless_it_is_set() -> None:
    """Without an endpoint nothing leaves the machine."""
    assert load_settings().otlp is None


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


def test_a_signal_can_be_left_out() -> None:
    """Only what is enabled needs an endpoint."""
    off = {"enabled": False}
    settings = otlp(traces=off, logs=off, metrics={"endpoint": "http://x/v1/metrics"})
    assert settings.signals == (Signal.METRICS,)


def test_variables_set_it_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """As all settings."""
    monkeypatch.setenv("PLATFORM_PROBE_OTLP__ENDPOINT", "http://collector:4318")
    monkeypatch.setenv("PLATFORM_PROBE_OTLP__METRICS__EVERY_S", "60")
    monkeypatch.setenv("PLATFORM_PROBE_OTLP__RESOURCE", '{"deployment.environment.name": "test"}')
    settings = load_settings().otlp
    assert settings is not None
    assert settings.metrics.every_s == 60
    assert settings.resource == {"deployment.environment.name": "test"}


@pytest.mark.parametrize(
    "url", ["localhost:4318", "ftp://x", "http://", "http://[::1", "https://x#y"]
)
def test_what_is_no_url_is_refused(url: str) -> None:
    """With an example."""
    assert "expected a URL as http://localhost:4318" in problem_of(endpoint=url)


def test_a_password_has_no_place_in_a_url() -> None:
    """Flags are seen by everybody on the machine; and it is not repeated in the error."""
    problem = problem_of(endpoint="http://me:secret@x")
    assert "headers_file" in problem
    assert "secret" not in problem


def test_each_signal_needs_an_endpoint() -> None:
    """It is said which has none."""
    assert "logs needs an endpoint" in problem_of(
        traces={"endpoint": "http://x"}, metrics={"enabled": False}
    )
    off = {"enabled": False}
    assert "leave otlp out" in problem_of(endpoint="http://x", traces=off, logs=off, metrics=off)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://collector:4318", (Signal.TRACES, Signal.LOGS, Signal.METRICS)),
        ("https://collector:4318", ()),
        ("http://localhost:4318", ()),
        ("http://[::1]:4318", ()),
    ],
)
def test_keys_that_everybody_on_the_way_sees_are_noticed(
    url: str, shown: tuple[Signal, ...]
) -> None:
    """A key over plain HTTP is none, unless it stays on this machine."""
    assert otlp(endpoint=url, headers_file="/any").shown_keys == shown
    assert otlp(endpoint=url).shown_keys == ()


def test_headers_stand_one_a_line(tmp_path: Path) -> None:
    """Empty lines and comments are none; blanks around a value are no part of it."""
    path = tmp_path / "headers"
    path.write_text("# of the backend\n\napi-key:  abc def \nX-Scope-OrgID: 7\n")
    assert read_headers(path) == {"api-key": "abc def", "x-scope-orgid": "7"}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: b\nsecret\n", ":2: expected 'Name: value', in ASCII"),
        ("a:\n", ":1: expected 'Name: value', in ASCII"),
        ("a b: secret\n", ":1: expected 'Name: value', in ASCII"),
        ("a: sécret\n", ":1: expected 'Name: value', in ASCII"),
        ("a: b\nA: secret\n", ":2: this header is there already"),
        ("# secret\n", ": no headers, expected one 'Name: value' a line"),
    ],
)
def test_a_wrong_header_is_told_by_its_line(tmp_path: Path, text: str, problem: str) -> None:
    """And never shown: it may be a key."""
    path = tmp_path / "headers"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        read_headers(path)
    assert caught.value.problems == [f"{path}{problem}"]


def test_a_missing_header_file_is_told(tmp_path: Path) -> None:
    """With its path."""
    with pytest.raises(ConfigError, match="No such file"):
        read_headers(tmp_path / "none")
