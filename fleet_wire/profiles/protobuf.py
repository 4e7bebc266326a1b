"""Protobuf to and from plain documents, by a file of descriptors: the one module that knows it.

`protoc --include_imports --descriptor_set_out=FILE` writes such a file.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from google.protobuf.descriptor import Descriptor, FieldDescriptor

_MAX_DEPTH: Final = 32
_FLOAT_DIGITS: Final = 7
"""Decimal digits that a 32-bit float holds."""


class ProtobufType:
    """A type of messages, as a file of descriptors has it."""

    def __init__(self, file: Path, name: str) -> None:
        """Raise `ValueError` without the package, the file or the type."""
        try:
            from google.protobuf import (  # noqa: PLC0415 - not everybody has it
                descriptor_pb2,
                descriptor_pool,
                message_factory,
            )
        except ModuleNotFoundError:
            cure = "pip install 'unlockpath[protobuf]'"
            raise ValueError(f"protobuf needs the package protobuf: {cure}") from None
        pool = descriptor_pool.DescriptorPool()
        try:
            files = descriptor_pb2.FileDescriptorSet.FromString(file.read_bytes())
            for each in files.file:
                pool.Add(each)
        except OSError as error:
            raise ValueError(f"{file} cannot be read: {error.strerror or error}") from None
        except Exception:  # noqa: BLE001 - the library raises what it likes
            cure = "protoc --include_imports --descriptor_set_out=FILE"
            raise ValueError(f"{file} is no file of descriptors: {cure} writes one") from None
        try:
            self._descriptor: Descriptor = pool.FindMessageTypeByName(name)
        except KeyError:
            known = [
                f"{each.package}.{one.name}" for each in files.file for one in each.message_type
            ]
            named = ", ".join(name.lstrip(".") for name in known)
            raise ValueError(f"{file} has no type '{name}'; it has {named}") from None
        self._make: Callable[[], Any] = message_factory.GetMessageClass(self._descriptor)

    def decode(self, payload: bytes) -> dict[str, Any]:
        """Return the fields of a message; a group of alternatives says which one there is."""
        if not payload:
            raise ValueError("an empty payload says nothing")
        message = self._make()
        message.ParseFromString(payload)
        return _document_of(message, _MAX_DEPTH)

    def encode(self, document: dict[str, Any]) -> bytes:
        """Return a message; fields that the type does not have are left out."""
        message = self._make()
        _fill(message, document)
        payload: bytes = message.SerializeToString(deterministic=True)
        return payload

    def objection(self, tokens: tuple[str, ...]) -> str | None:
        """Return why a pointer leads nowhere in this type; None where it leads to a field."""
        descriptor: Descriptor | None = self._descriptor
        rest = list(tokens)
        while rest:
            token = rest.pop(0)
            if descriptor is None:
                return f"'{token}' is below a plain value"
            field = descriptor.fields_by_name.get(token)
            if field is None:
                is_choice = not rest and token in descriptor.oneofs_by_name
                return None if is_choice else f"{descriptor.full_name} has no field '{token}'"
            if field.is_repeated and rest:
                rest.pop(0)  # a number in a list, or a key of a map
            descriptor = _value_type(field)
        return None


def is_well_formed(payload: bytes) -> bool:
    """Return whether a payload may be a message of some type; without the package none may."""
    try:
        from google.protobuf import empty_pb2  # noqa: PLC0415 - not everybody has it
    except ModuleNotFoundError:
        return False
    try:
        empty_pb2.Empty.FromString(payload)
    except Exception:  # noqa: BLE001 - the library raises what it likes
        return False
    return True


def _value_type(field: FieldDescriptor) -> Descriptor | None:
    """Return the type of the messages in a field, or in a map; None for plain values."""
    inner = field.message_type
    if inner is not None and inner.GetOptions().map_entry:
        inner = inner.fields_by_name["value"].message_type
    return inner


def _is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and field.message_type.GetOptions().map_entry


def _document_of(message: Any, depth: int) -> dict[str, Any]:
    if depth == 0:
        raise ValueError(f"more than {_MAX_DEPTH} levels")
    document: dict[str, Any] = {}
    for field in message.DESCRIPTOR.fields:
        if field.has_presence and not message.HasField(field.name):
            continue
        value = getattr(message, field.name)
        if _is_map(field):
            of = field.message_type.fields_by_name["value"]
            document[field.name] = {str(key): _plain(of, value[key], depth) for key in list(value)}
        elif field.is_repeated:
            document[field.name] = [_plain(field, each, depth) for each in value]
        else:
            document[field.name] = _plain(field, value, depth)
    for choice in message.DESCRIPTOR.oneofs:
        chosen = message.WhichOneof(choice.name)
        if chosen is not None:
            document.setdefault(choice.name, chosen)
    return document


def _plain(field: FieldDescriptor, value: Any, depth: int) -> Any:
    if field.message_type is not None:
        return _document_of(value, depth - 1)
    if field.enum_type is not None:
        named = field.enum_type.values_by_number.get(value)
        return value if named is None else named.name
    if field.cpp_type == field.CPPTYPE_FLOAT:
        return float(f"{value:.{_FLOAT_DIGITS}g}")
    return value


def _fill(message: Any, document: dict[str, Any]) -> None:
    for name, value in document.items():
        field = message.DESCRIPTOR.fields_by_name.get(name)
        if field is None or value is None:
            continue
        if _is_map(field):
            _fill_map(field, getattr(message, name), value)
        elif field.is_repeated:
            for each in value if isinstance(value, list) else [value]:
                if field.message_type is not None:
                    _fill(getattr(message, name).add(), each)
                else:
                    getattr(message, name).append(_typed(field, each))
        elif field.message_type is not None:
            inner = getattr(message, name)
            inner.SetInParent()
            _fill(inner, value)
        else:
            setattr(message, name, _typed(field, value))


def _fill_map(field: FieldDescriptor, filled: Any, value: dict[str, Any]) -> None:
    entry = field.message_type.fields_by_name
    for key, each in value.items():
        typed_key = _typed(entry["key"], key)
        if entry["value"].message_type is not None:
            _fill(filled[typed_key], each)
        else:
            filled[typed_key] = _typed(entry["value"], each)


def _typed(field: FieldDescriptor, value: Any) -> Any:
    """Return a value in the type of a field."""
    if field.enum_type is not None:
        named = field.enum_type.values_by_name.get(str(value))
        return int(value) if named is None else named.number
    if field.type == field.TYPE_BYTES:
        return value if isinstance(value, bytes) else str(value).encode()
    if field.cpp_type == field.CPPTYPE_STRING:
        return str(value)
    if field.cpp_type == field.CPPTYPE_BOOL:
        return value in (True, "true", "True", "1")  # and 1, which is equal to True
    if field.cpp_type in (field.CPPTYPE_DOUBLE, field.CPPTYPE_FLOAT):
        return float(value)
    return round(float(value)) if not isinstance(value, int | str) else int(value)
