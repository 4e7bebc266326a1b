"""The form of a profile file: which topics and fields a fleet has, and how they map."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, field_validator
from pydantic.annotated_handlers import GetJsonSchemaHandler

from fleet_wire.contract.topics import TopicKind
from fleet_wire.profiles.profile import Correlation
from fleet_wire.quantities import FrozenModel

Word = str | bool
"""A word of the contract, as YAML has it."""
Scalar = str | int | float | bool | None


class FieldForm(FrozenModel):
    """The location of a contract field in a message, and its words there."""

    at: str | None = Field(
        None,
        description="a JSON Pointer such as /status/code; `text`: the whole payload;"
        " `{name}`: that level of the topic; `correlation_data`: MQTT 5's",
    )
    value: Word | None = Field(
        None, description="in place of `at`: what every message of this topic says"
    )
    values: dict[str, Word] = Field(
        {}, description="what the fleet says: what the contract says; `Error*` is a beginning"
    )
    otherwise: Word | None = Field(
        None, description="what the contract says for all that `values` does not list"
    )
    say: dict[str, Scalar] = Field(
        {}, description="what is sent for a word of the contract, where `values` does not show it"
    )
    scale: float = Field(
        1.0, gt=0, description="a number of the fleet times this is the contract's, as 0.001 for mV"
    )
    unit: Literal["ms", "s", "iso"] = Field(
        "ms",
        description="of a time: Unix milliseconds, Unix seconds (sent as whole ones), or ISO 8601",
    )
    after: str | None = Field(
        None, min_length=1, description="only what stands behind this text, as in an ARN"
    )
    number: bool = Field(default=False, description="an id is sent as a number, not as text")
    bytes: bool = Field(
        default=False,
        description="an id or a signature is sent as bytes, which are hexadecimal digits here",
    )


class _OrPointer:
    """Lets `field: /pointer` stand for `field: {at: /pointer}`."""

    @staticmethod
    def read(value: Any) -> Any:
        return {"at": value} if isinstance(value, str) else value

    def __get_pydantic_json_schema__(
        self, schema: Any, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"anyOf": [handler(schema), {"type": "string"}]}


class MessageForm(FrozenModel):
    """One topic, and what its messages say."""

    topic: str = Field(
        min_length=1,
        description="with {vehicle_id}, {command_id}, {client_id} (who asks), names of `variables`"
        " and of levels that a field takes, each as a whole level",
    )
    when: dict[str, Scalar | tuple[Scalar, ...]] = Field(
        {},
        description="only messages that say this: JSON Pointers and what stands there, a value or"
        ' several, as { /type: ack }, or "*" for anything; so topics may hold messages of several'
        " kinds",
    )
    payload: Literal["json", "text", "cbor", "msgpack", "protobuf"] = Field(
        "json", description="how the payload is written; JSON Pointers lead into all but `text`"
    )
    type: str | None = Field(
        None, description="of Protobuf: the full name of the message's type, as `acme.Status`"
    )
    descriptors: str | None = Field(
        None, description="of Protobuf: another file of descriptors than the fleet's"
    )
    qos: Annotated[int, Field(ge=0, le=1)] = Field(1, description="of what is sent")
    retain: bool = Field(default=False, description="whether what is sent is retained")
    heard_only: bool = Field(
        default=False,
        description="neither box nor platform sends it, but another system; `+` may be a level",
    )
    heard_by: Literal["everyone", "box", "monitor", "nobody"] = Field(
        "everyone",
        description="who listens: boxes (to commands alone), or monitor and platform; `nobody`"
        " where another system publishes what was sent on other topics",
    )
    fields: dict[str, Annotated[FieldForm, BeforeValidator(_OrPointer.read), _OrPointer()]] = Field(
        {}, description="fields of the contract, and where they stand"
    )
    send: Any = Field(
        None,
        description="what is sent, with `{field}` in place of values; without it what `fields` say",
    )


class _OrOne:
    """Lets one topic stand for a list of one."""

    @staticmethod
    def read(value: Any) -> Any:
        return [value] if isinstance(value, dict) else value

    def __get_pydantic_json_schema__(
        self, schema: Any, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        several = handler(schema)
        return {"anyOf": [several["items"], several]}


Messages = Annotated[tuple[MessageForm, ...], BeforeValidator(_OrOne.read), _OrOne()]


class ProfileForm(FrozenModel):
    """How the wire of a fleet maps to the contract.

    Fields that the fleet does not have are left out.
    """

    description: str = Field("", description="whose wire it is")
    mqtt: Annotated[Literal["5", "3.1.1"], BeforeValidator(str)] = Field(
        "5", description="the version of MQTT that boxes and platform speak"
    )
    signed: bool = Field(
        default=False,
        description="commands carry counter and signature (HMAC-SHA256 as the contract has it)",
    )
    expires: bool = Field(
        default=False,
        description="commands have a life: by `expires_at`, else by MQTT 5's Message Expiry",
    )
    deduplicates: bool = Field(
        default=False, description="boxes recognise a command that comes a second time"
    )
    while_busy: Literal["wait", "refuse"] = Field(
        "wait", description="what becomes of a command that comes while the box works on another"
    )
    correlation: Correlation = Field(
        Correlation.FIELD, description="how an answer says which command it belongs to"
    )
    ids: Literal["fleet", "car"] = Field(
        "fleet", description="within what the ids of commands are unique"
    )
    descriptors: str | None = Field(
        None,
        description="of Protobuf: the file that `protoc --include_imports"
        " --descriptor_set_out=FILE` writes, beside the profile",
    )
    variables: dict[str, str] = Field({}, description="names in topics and texts, and their values")
    device_shadow: str | None = Field(
        None,
        description="prefix of the topics of AWS IoT's Device Shadow, with {vehicle_id}: a"
        " simulated fleet then has the service that answers updates",
    )
    box: dict[str, Any] = Field(
        {}, description="numbers of the simulated boxes, as in a scenario's `box`"
    )
    command: Messages = Field(min_length=1, description="platform to box")
    result: Messages = Field(min_length=1, description="box to platform: how far a command got")
    state: Messages = Field((), description="box to platform: what the car is like")
    presence: Messages = Field((), description="whether a box is connected")
    telemetry: Messages = Field((), description="box to platform: signs of life")
    event: Messages = Field((), description="box to platform: what has happened")
    wake: Messages = Field((), description="platform to the SMS centre of a simulated fleet")

    @field_validator("variables")
    @classmethod
    def _are_levels(cls, variables: dict[str, str]) -> dict[str, str]:
        for name, value in variables.items():
            if not value or any(mark in value for mark in "+#\0"):
                raise ValueError(f"{name}: expected text without + and #, not {value!r}")
        return variables

    def located(self, directory: Path) -> Self:
        """Return the form with its files of descriptors as they lie in a directory."""

        def locate(message: MessageForm) -> MessageForm:
            file = message.descriptors or self.descriptors
            if file is None:
                return message
            return message.model_copy(update={"descriptors": str(directory / file)})

        found = self.messages().items()
        return self.model_copy(
            update={kind.value: tuple(map(locate, messages)) for kind, messages in found}
        )

    def messages(self) -> dict[TopicKind, tuple[MessageForm, ...]]:
        """Return the topics by kind, those of no topic left out."""
        found = {kind: getattr(self, kind.value) for kind in TopicKind}
        return {kind: messages for kind, messages in found.items() if messages}
