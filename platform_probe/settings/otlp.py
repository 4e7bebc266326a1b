"""Settings of the export over OTLP/HTTP: destinations of each signal, and the header files.

Endpoints are formed as OpenTelemetry's own variables form them
(https://opentelemetry.io/docs/specs/otel/protocol/exporter/#endpoint-urls-for-otlphttp). A signal's
own is used unchanged. The common one gets `/v1/traces`, `/v1/logs` or `/v1/metrics` behind it.
"""

from __future__ import annotations

import re
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from fleet_wire.addresses import is_loopback
from fleet_wire.config.secrets import read_secret
from fleet_wire.errors import ConfigError
from platform_probe.settings.section import Section, checked_url

MAX_PROBLEMS: Final = 20
"""The most problems of one header file that are reported."""
_HEADER: Final = re.compile(
    r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\x21-\x7e](?:[ -~]*[!-~])?)[ \t]*"
)
"""RFC 9110, section 5: a token, and a value that is visible ASCII and not empty."""


Endpoint = Annotated[
    str,
    AfterValidator(
        partial(
            checked_url,
            example="http://localhost:4318",
            instead="give the password as a header, in headers_file",
        )
    ),
]
"""The URL of a backend."""


class Signal(StrEnum):
    """A signal of OpenTelemetry."""

    TRACES = "traces"
    LOGS = "logs"
    METRICS = "metrics"


class SignalSettings(Section):
    """The destination of one signal, if it differs."""

    enabled: bool = Field(default=True, description="whether it is exported")
    endpoint: Endpoint | None = Field(
        None, description="its full URL, as https://otlp.example/v1/traces, in place of the common"
        " endpoint",
    )  # fmt: skip
    headers_file: Path | None = Field(
        None, description="file of its own headers, in place of the common ones"
    )


class MetricsSettings(SignalSettings):
    """The destination of metrics, and their form."""

    every_s: float = Field(15.0, ge=1, le=3_600, description="how often they are sent")
    temporality: Literal["cumulative", "delta"] = Field(
        "cumulative",
        description="what counters and histograms say: all since the start, as Prometheus and its"
        " kin expect, or what came since the last export, as Datadog and New Relic do",
    )


class OtlpSettings(Section):
    """Traces, logs and metrics to an OTLP backend. Needs the extra `otlp`."""

    endpoint: Endpoint | None = Field(
        None, description="base URL of the backend, as http://localhost:4318: /v1/traces, /v1/logs"
        " and /v1/metrics are added",
    )  # fmt: skip
    headers_file: Path | None = Field(
        None, description="file with headers to send along, one `Name: value` a line: for keys"
    )
    ca_file: Path | None = Field(
        None, description="PEM file of the authority that signed the backend's certificate; null:"
        " those that Python packages know (certifi)",
    )  # fmt: skip
    timeout_s: float = Field(
        10.0, ge=0.1, le=300,
        description="a batch that the backend has not taken by then is dropped; until then it is"
        " sent again where that may help",
    )  # fmt: skip
    max_queued: int = Field(
        10_000, ge=100, le=1_000_000,
        description="unlocks, and log lines, that wait for the backend; above that the oldest are"
        " dropped",
    )  # fmt: skip
    resource: dict[str, str] = Field(
        {}, description="attributes of all that is sent, as deployment.environment.name"
    )
    traces: SignalSettings = Field(SignalSettings(), description="one trace for each unlock")
    logs: SignalSettings = Field(SignalSettings(), description="the lines of the log")
    metrics: MetricsSettings = Field(MetricsSettings(), description="what /metrics has")

    @model_validator(mode="after")
    def _has_endpoints(self) -> Self:
        for signal in self.signals:
            if self.endpoint is None and self.settings_of(signal).endpoint is None:
                raise ValueError(f"{signal} needs an endpoint: set endpoint or {signal}.endpoint")
        if not self.signals:
            raise ValueError("neither traces nor logs nor metrics are enabled: leave otlp out")
        return self

    @property
    def signals(self) -> tuple[Signal, ...]:
        """What is exported."""
        return tuple(signal for signal in Signal if self.settings_of(signal).enabled)

    def settings_of(self, signal: Signal) -> SignalSettings:
        """Return the settings of one signal."""
        each: SignalSettings = getattr(self, signal.value)
        return each

    def url_of(self, signal: Signal) -> str:
        """Return where a signal goes."""
        own = self.settings_of(signal).endpoint
        return own or f"{(self.endpoint or '').rstrip('/')}/v1/{signal.value}"

    @property
    def shown_keys(self) -> tuple[Signal, ...]:
        """The signals whose headers go to another machine without TLS."""
        return tuple(signal for signal in self.signals if self._shows_keys(signal))

    def _shows_keys(self, signal: Signal) -> bool:
        parts = urlsplit(self.url_of(signal))
        has_headers = (self.settings_of(signal).headers_file or self.headers_file) is not None
        return has_headers and parts.scheme == "http" and not is_loopback(parts.hostname or "")

    def headers_of(self, signal: Signal) -> dict[str, str]:
        """Return the headers of a signal. Raises `ConfigError` with file and line."""
        path = self.settings_of(signal).headers_file or self.headers_file
        return {} if path is None else read_headers(path)


def read_headers(path: Path) -> dict[str, str]:
    """Return the headers in a file, one `Name: value` a line.

    Empty lines and those that begin with # are none. Raises `ConfigError` that says path and line
    and never what stands there.
    """
    headers: dict[str, str] = {}
    problems: list[str] = []
    for number, line in enumerate(read_secret(path, name="headers_file").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        match = _HEADER.fullmatch(line)
        if match is None:
            problems.append(f"{path}:{number}: expected 'Name: value', in ASCII")
        elif match[1].lower() in headers:
            problems.append(f"{path}:{number}: this header is there already")
        else:
            headers[match[1].lower()] = match[2]
    if not headers and not problems:
        problems = [f"{path}: no headers, expected one 'Name: value' a line"]
    if problems:
        raise ConfigError(problems[:MAX_PROBLEMS])
    return headers
