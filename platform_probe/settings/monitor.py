"""The settings of the probe: a YAML file, environment variables, flags. Later ones win.

A variable is `PLATFORM_PROBE_` and the key in capitals, with two underscores between levels:
`PLATFORM_PROBE_LOAD__DEADLINE_S=10`. Lists and mappings are written as JSON. Secrets can stand in
files: `PLATFORM_PROBE_FLEET_SECRET_FILE=/run/secrets/fleet`. Variables that Kubernetes sets for a
Service of that name are skipped.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    field_serializer,
    field_validator,
    model_validator,
)

from fleet_wire.addresses import is_loopback, parse_listen, valid_listen
from fleet_wire.config.errors import validated_model
from fleet_wire.config.file import Document, Loc, load_document
from fleet_wire.config.secrets import read_secret
from fleet_wire.contract.messages import Action
from fleet_wire.contract.signing import DEMO_SECRET
from fleet_wire.error_text import suggestion
from fleet_wire.errors import ConfigError
from fleet_wire.links.brokers import Brokers
from fleet_wire.profiles.native import NATIVE
from fleet_wire.profiles.profile import MqttVersion, Profile
from fleet_wire.quantities import LONGEST_S, Seconds
from platform_probe.settings.console import ConsoleSettings
from platform_probe.settings.detection import DetectionSettings
from platform_probe.settings.environment import location_of, values_of
from platform_probe.settings.load import FloorSettings, LoadSettings
from platform_probe.settings.messages import MessagesSettings
from platform_probe.settings.otlp import OtlpSettings
from platform_probe.settings.section import Section

ENV_PREFIX: Final = "PLATFORM_PROBE_"
DEFAULT_OUT_DIR: Final = Path("probe-data")
_IN_FILES: Final = ("broker_password", "fleet_secret")
"""Settings that a key with `_file` behind it can take from a file."""
_OF_A_SERVICE: Final = re.compile(
    ENV_PREFIX + r"(?:[A-Z0-9_]+_)?(?:SERVICE_HOST|SERVICE_PORT(?:_[A-Z0-9_]+)?"
    r"|PORT_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)"
)
"""Variables that Kubernetes gives every pod for a Service named `platform-probe`, or beginning so.

Together with `..._PORT`, whose value is a URL: as a setting of ours it would be a number.
"""
_SERVICE_URL: Final = re.compile(r"(?:tcp|udp|sctp)://.*")
_NO_FLAGS: Final[Mapping[Loc, tuple[Any, str]]] = {}


def _version(value: Any) -> Any:
    """Accept YAML's number 5 as a version too."""
    return None if value is None else str(value)


class TlsSettings(Section):
    """Certificates for `mqtts://` and `wss://`."""

    ca_file: Path | None = Field(
        None, description="PEM file of the authority that signed the broker's certificate;"
        " null: the system's authorities",
    )  # fmt: skip
    cert_file: Path | None = Field(
        None, description="PEM file of the probe's own certificate, where the broker asks for one"
    )
    key_file: Path | None = Field(None, description="PEM file of the key of cert_file")


class PlatformSettings(Section):
    """The platform's structured log, joined with MQTT to one attempt for each unlock."""

    log_file: Path | None = Field(
        None, description="file that the platform appends a JSON object a line to; it may be"
        " rotated, replaced, truncated, or come later",
    )  # fmt: skip
    otlp: bool = Field(
        default=False, description="take the log as OTLP/HTTP posts to /v1/logs, where /metrics is;"
        " beyond this machine only with otlp_token_file",
    )  # fmt: skip
    otlp_token_file: Path | None = Field(
        None, description="file with the token that such posts must bear, as `Authorization: Bearer"
        " TOKEN`; null: none, which is allowed on 127.0.0.1 alone",
    )  # fmt: skip
    late_s: Seconds = Field(
        10.0, description="a line may come so long after one that was written later"
    )
    wait_s: Seconds = Field(
        60.0, description="lines that are missing are waited for so long at most"
    )


class RotationSettings(Section):
    """When a file of records, or of the log, is put aside as NAME.1 and begun anew."""

    max_mib: float = Field(
        100.0, gt=0, le=1_000_000, description="before it would exceed this size, in MiB"
    )
    every_s: float = Field(
        86_400.0, ge=60, le=LONGEST_S,
        description="when so long is over, counted from 1970: 86,400 s end with the day in UTC",
    )  # fmt: skip
    keep: int = Field(14, ge=1, le=1_000, description="files kept; the oldest is overwritten")


class BucketPart(Section):
    """A bucket of S3, or of a compatible service, for the older files of the store."""

    bucket: str = Field(min_length=1, description="name of the bucket, which is there already")
    endpoint: str | None = Field(
        None,
        description="as https://s3.example:9000; https://storage.googleapis.com: Google's;"
        " null: that of AWS for the region",
    )
    region: str = Field("us-east-1", min_length=1, description="region of the bucket")
    prefix: str = Field("", description="before the names of the files, for several monitors")
    key_file: Path | None = Field(
        None, description="file of two lines, the id of the key and its secret; null: as"
        " AWS_ACCESS_KEY_ID and the like say, or the machine's role; with Google its account",
    )  # fmt: skip
    after_days: float = Field(
        2.0, ge=0, le=36_500, description="files go to the bucket when they are so old"
    )
    max_gib: float = Field(
        1_000.0, gt=0, le=1e9, description="the oldest in the bucket are removed beyond that"
    )
    cache_gib: float = Field(
        2.0, gt=0, le=1_000_000, description="copies of files that somebody asked for, at most"
    )


class JournalSettings(Section):
    """The journal: everything that was measured and heard, in order, for the judge."""

    max_hours: float = Field(
        6.0, gt=0, le=876_000, description="parts of the journal are removed when they are so old;"
        " `platform-probe judge --replay` can judge anew what is there",
    )  # fmt: skip
    max_gib: float = Field(
        2.0, gt=0.05, le=1_000_000, description="the oldest are removed when all of them are more"
    )


class StoreSettings(Section):
    """What is kept for longer, to be queried: unlocks, messages of the cars, the platform's log."""

    directory: Path = Field(description="directory of the store, of this monitor's alone")
    telemetry: bool = Field(
        default=True, description="keep heartbeats too, which are most of what boxes send"
    )
    zone: str = Field("UTC", description="time zone in which times are told, as Europe/Berlin")
    max_days: float = Field(
        30.0, gt=0, le=36_500, description="files are removed when they are so old"
    )
    max_gib: float = Field(
        20.0, gt=0, le=1_000_000, description="the oldest are removed when all of them are more"
    )
    journal_days: float = Field(
        7.0, ge=0, le=36_500, description="keep the journal for so long, compressed, so that"
        " `platform-probe judge --replay` can judge it anew; 0: not at all",
    )  # fmt: skip
    s3: BucketPart | None = Field(
        None, description="a bucket for older files (docs/store.md); null: none"
    )


class ProbeSettings(Section):
    """Everything that can be set."""

    model_config = ConfigDict(validate_default=True)

    broker: str = Field(
        "mqtt://127.0.0.1:1883",
        description="the broker: mqtt://, mqtts://, ws:// or wss://, with USER@ if needed; its"
        " password rather in broker_password_file. Several, with commas between, where cars are"
        " spread over them by their ids (docs/scale.md)",
    )
    broker_password: SecretStr | None = Field(None, description="password for the broker")
    broker_password_file: Path | None = Field(
        None, description="file that holds broker_password: for a mounted secret"
    )
    profile: str = Field(
        NATIVE.name, min_length=1,
        description="what goes over the fleet's wire: native, ovms, saic, aws-iot, aws-shadow,"
        " or a file of yours (docs/profiles.md)",
    )  # fmt: skip
    protocol: Annotated[Literal["5", "3.1.1"] | None, BeforeValidator(_version)] = Field(
        None,
        description="version of MQTT; null: the profile's, which is 5 for native. With 3.1.1 there"
        " is no evidence from PUBACK codes, and another probe's unlocks look like customers'",
    )
    tls: TlsSettings = Field(TlsSettings(), description="certificates for mqtts:// and wss://")
    client_id: str = Field(
        "platform-probe", min_length=1, max_length=64,
        description="MQTT client id; a second probe with the same id takes the session over",
    )  # fmt: skip
    fleet_secret: SecretStr = Field(
        SecretStr(DEMO_SECRET), min_length=1,
        description="the secret from which every car's signing key is derived",
    )  # fmt: skip
    fleet_secret_file: Path | None = Field(
        None, description="file that holds fleet_secret: for a mounted secret"
    )
    vehicle_keys: Path | None = Field(
        None, description="in place of fleet_secret, which opens every car, the keys of the cars to"
        " unlock: a file with a car's id and its key on each line, or a directory with a file for"
        " each car, named by its id. A key is 64 hexadecimal digits: HMAC-SHA256 of the car's id"
        " under the fleet's secret",
    )  # fmt: skip
    listen: Annotated[str, AfterValidator(valid_listen)] = Field(
        "127.0.0.1:9464",
        description="HOST:PORT of /metrics, /healthz and /readyz; port 0: any free one",
    )
    listen_or_free: bool = Field(
        default=False, description="where that port is taken, listen on any free one"
    )
    out_dir: Path = Field(
        DEFAULT_OUT_DIR, description="directory of attempts.jsonl and the other records"
    )
    log_file: Path | None = Field(None, description="file of the log; null: stderr")
    rotation: RotationSettings | None = Field(
        RotationSettings(), description="when the records and the log are put aside; null: never"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="lowest level to log; an unlock that went well is info"
    )
    seed: int = Field(1, ge=0, le=2**63 - 1, description="decides when which car is unlocked")
    watch: bool = Field(default=True, description="also follow the commands that others send")
    watch_group: str | None = Field(
        None, pattern=r"^[A-Za-z0-9_.-]{1,64}$",
        description="name that several monitors on one broker have in common, to count every"
        " customer once: a car's are one monitor's; give each a client_id of its own",
    )  # fmt: skip
    broker_log: bool = Field(
        default=False, description="also follow the broker's own log, where mosquitto publishes it"
        " (`log_dest topic`, `connection_messages true`) and lets us read $SYS/broker/log/#",
    )  # fmt: skip
    platform: PlatformSettings | None = Field(
        None, description="the platform's log, for what happens before MQTT; null: only MQTT"
    )
    load: LoadSettings | None = Field(
        None, description="synthetic unlocks; null: only watch, with the default deadlines"
    )
    floor: FloorSettings | None = Field(None, description="unlocks of a null box; null: none")
    weights: Path | None = Field(
        None, description="file with a calibration of the diagnosis to this fleet, as"
        " `platform-probe calibrate` writes it, or with weights of yours; null: the release's"
        " (docs/teach.md)",
    )  # fmt: skip
    journal: JournalSettings = Field(
        JournalSettings(), description="how much of the journal is kept (docs/retention.md)"
    )
    store: StoreSettings | None = Field(
        None, description="a store that can be queried (docs/store.md); null: none"
    )
    console: ConsoleSettings | None = Field(
        None, description="pages for support and on-call over the store, or the records where there"
        " is none (docs/console.md); null: none",
    )  # fmt: skip
    detection: DetectionSettings | None = Field(
        DetectionSettings(), description="what is not as it was is found, and becomes incidents"
        " (docs/detection.md); null: nothing is",
    )  # fmt: skip
    otlp: OtlpSettings | None = Field(
        None, description="where traces, logs and metrics go over OTLP/HTTP; null: nowhere"
    )
    messages: MessagesSettings | None = Field(
        None, description="who is told of incidents (docs/messages.md); null: nobody"
    )
    exit_when_done: bool = Field(
        default=False, description="end when the load is over and has ended"
    )
    wait_s: Seconds | None = Field(
        None, description="how long to wait for the broker at the start, then exit code 2;"
        " null: for ever, as after each loss of it, unless it refuses us for good",
    )  # fmt: skip

    @field_validator("broker")
    @classmethod
    def _is_address(cls, broker: str) -> str:
        try:
            Brokers.parse(broker)
        except ConfigError as error:
            raise ValueError(str(error)) from None
        return broker

    @model_validator(mode="after")
    def _shares_what_it_watches(self) -> Self:
        if self.watch_group is not None and self.tracking.door_file is not None:
            raise ValueError(
                "watch_group and load.door_file exclude each other: another monitor would take the"
                " command that the API makes for a customer's"
            )
        if self.watch_group is not None and not self.watch:
            raise ValueError("watch_group needs watch: there is nothing else to share")
        return self

    @model_validator(mode="after")
    def _takes_no_log_of_anybody(self) -> Self:
        platform = self.platform
        if platform is None or not platform.otlp or platform.otlp_token_file is not None:
            return self
        if not is_loopback(self.listen_host):
            raise ValueError(
                f"platform.otlp: anybody who reaches {self.listen} could make up unlocks: set"
                " platform.otlp_token_file, or listen on 127.0.0.1"
            )
        return self

    @model_validator(mode="after")
    def _has_one_kind_of_keys(self) -> Self:
        if self.vehicle_keys is not None and "fleet_secret" in self.model_fields_set:
            raise ValueError("vehicle_keys and fleet_secret exclude each other")
        return self

    @field_validator("out_dir", mode="before")
    @classmethod
    def _default_directory(cls, out_dir: Any) -> Any:
        return DEFAULT_OUT_DIR if out_dir is None else out_dir

    @field_serializer("broker")
    def _without_password(self, broker: str) -> str:
        return Brokers.parse(broker).urls()

    @property
    def brokers(self) -> Brokers:
        """The addresses of one or several brokers, password included."""
        password = self.broker_password
        return Brokers.parse(self.broker).with_password(
            None if password is None else password.get_secret_value()
        )

    @property
    def journal_dir(self) -> Path:
        """The directory of the journal."""
        return self.out_dir / "journal"

    @property
    def is_demo_elsewhere(self) -> bool:
        """Whether the well-known demo secret would be used on a broker of another machine."""
        if self.profile != NATIVE.name:
            return False  # a fleet of others, whose commands carry what its file says
        is_demo = self.fleet_secret.get_secret_value() == DEMO_SECRET
        return is_demo and self.vehicle_keys is None and not self.brokers.is_loopback

    def mqtt_version(self, profile: Profile) -> MqttVersion:
        """Return the version of MQTT to speak with the broker."""
        return self.protocol or profile.traits.mqtt

    def check_fits(self, profile: Profile) -> None:
        """Raise `ConfigError` for what cannot be asked of a fleet with this profile."""
        load = self.tracking
        if load.unlocks and load.relock and Action.LOCK not in profile.traits.actions:
            problem = f"load.relock: profile {profile.name} has no word for lock; set it to false"
            raise ConfigError([problem])

    def cars_to_unlock(self) -> list[str]:
        """Return the cars that get commands of ours. Raises `ConfigError` with file and line."""
        has_own = self.tracking.unlocks and self.tracking.door_file is None
        cars = self.tracking.vehicle_ids() if has_own else []
        return cars if self.floor is None else [*cars, self.floor.vehicle_id]

    @property
    def listen_host(self) -> str:
        """The host to listen on."""
        return parse_listen(self.listen)[0]

    @property
    def listen_port(self) -> int:
        """The port to listen on; 0: any free one."""
        return parse_listen(self.listen)[1]

    @property
    def tracking(self) -> LoadSettings:
        """The load, or one without stages: its deadlines hold for watched commands too."""
        return self.load or LoadSettings()

    @property
    def only_watches(self) -> bool:
        """Whether no unlock is the monitor's own, the null box's included."""
        return not self.tracking.unlocks and self.floor is None


def load_settings(
    path: Path | None = None, flags: Mapping[Loc, tuple[Any, str]] = _NO_FLAGS
) -> ProbeSettings:
    """Return the settings: flags over environment over file over defaults.

    `flags` maps a place to its value and to the flag as the user wrote it.
    Raises `ConfigError` that says for each problem which file and line, variable or flag it is in.
    """
    if path is None:
        document = Document(path=Path("settings"), values={}, lines={})
    else:
        document = load_document(path)
    for loc, value in _environment():
        document = document.with_value(
            loc, value, f"{ENV_PREFIX}{'__'.join(map(str, loc))}".upper()
        )
    for loc, (value, flag) in flags.items():
        document = document.with_value(loc, value, flag)
    document = _with_secrets(document)
    return validated_model(document, ProbeSettings)


def _with_secrets(document: Document) -> Document:
    """Return the document with what the files hold that `*_file` keys name."""
    for key in _IN_FILES:
        path = document.values.get(f"{key}_file")
        if not isinstance(path, str | Path):
            continue  # not set, or a mistake that the model reports
        if document.values.get(key) is not None:
            message = f"excludes {key}: the secret is here or there"
            raise ConfigError([document.problem((f"{key}_file",), message)])
        secret = read_secret(Path(path), name=f"{key}_file")
        document = document.with_value((key,), secret, f"{path}")
    return document


def settings_schema() -> dict[str, Any]:
    """Return the JSON Schema of the settings file."""
    return ProbeSettings.model_json_schema()


def _environment() -> Iterator[tuple[Loc, Any]]:
    """Yield each value that the environment sets. Raises `ConfigError` for unknown names."""
    fields = list(ProbeSettings.model_fields)
    ours = {
        name: value
        for name, value in os.environ.items()
        if name.startswith(ENV_PREFIX) and not _is_of_a_service(name, value)
    }
    for name in ours:
        key = str(location_of(name, ENV_PREFIX)[0])
        if key not in fields:
            raise ConfigError([f"{name}: unknown setting{suggestion(key, fields)}"])
    return values_of(ours, ProbeSettings, ENV_PREFIX)


def _is_of_a_service(name: str, value: str) -> bool:
    is_url = name.endswith("_PORT") and _SERVICE_URL.fullmatch(value) is not None
    return is_url or _OF_A_SERVICE.fullmatch(name) is not None
