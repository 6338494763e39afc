"""A settings file's text to its struct, with errors a person can act on."""

import tomllib
from typing import TypeVar

import msgspec

from contract.errors import SettingsError

T = TypeVar("T")


def parse(text: str, type_: type[T], *, file: str) -> T:
    """Read TOML `text` as `type_`.

    Raises `SettingsError` with one line: file, key, what was found and what is allowed. Structs that forbid unknown
    fields have their allowed keys listed when one is misspelt.
    """
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as bad:
        raise SettingsError(f"{file}: not TOML: {bad}") from bad
    try:
        return msgspec.convert(table, type_, strict=True)
    except msgspec.ValidationError as bad:
        what, _, where = str(bad).partition(" - at `$")
        key = where.rstrip("`").lstrip(".") or "top level"
        allowed = ""
        if "unknown field" in what:
            allowed = f"; allowed here: {', '.join(_keys_at(type_, key))}"
        raise SettingsError(f"{file}: {key}: {what[:1].lower()}{what[1:]}{allowed}") from bad


def _keys_at(type_: type, key: str) -> list[str]:
    """The keys that the struct at `key` ("top level" or a dotted path, indexes as `[...]`) allows."""
    here: object = type_
    if key != "top level":
        for part in key.replace("[...]", "").split("."):
            here = _struct_in({field.encode_name: field.type for field in msgspec.structs.fields(here)}[part])
    return sorted(field.encode_name for field in msgspec.structs.fields(here))


def _struct_in(annotation: object) -> object:
    """The struct inside an annotation such as `list[Window]` or `Broker | None`."""
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        return annotation
    inner = (_struct_in(argument) for argument in getattr(annotation, "__args__", ()))
    return next((found for found in inner if found is not None), None)
