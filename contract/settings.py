"""A settings file's text to its struct, with errors a person can act on."""

import math
import re
import tomllib
from collections.abc import Iterator
from typing import TypeVar

import msgspec
from msgspec import inspect

from contract.errors import SettingsError

T = TypeVar("T")

_TOP = "top level"
# msgspec's words for the kinds of TOML.
_WORDS = {"`object`": "a table", "`array`": "a list", "`str`": "a text", "`int`": "a whole number"}
_WORDS |= {"`float`": "a number", "`bool`": "true or false", "`null`": "nothing"}

# The tail of `identity.whole`, as it stands in a complaint: nothing for a person to read.
_WHOLE = r"(?!\\n)"


def parse(text: str, type_: type[T], *, file: str) -> T:
    """Read TOML `text` as `type_`.

    Raises `SettingsError` with one line: file, key, what was found and what is allowed. Structs that forbid unknown
    fields have their allowed keys listed when one is misspelt, choices and enums their values.
    """
    try:
        table = tomllib.loads(text)
    except (ValueError, RecursionError) as bad:
        raise SettingsError(_line(f"{file}: not TOML that can be used: {bad}")) from bad
    for key, number in _numbers(table, ""):
        if not math.isfinite(number):
            raise SettingsError(_line(f"{file}: {key}: expected a number, got {number}"))
    try:
        return msgspec.convert(table, type_, strict=True)
    except msgspec.ValidationError as bad:
        what, _, path = str(bad).partition(" - at `")
        key = path.rpartition("`")[0].removeprefix("$").lstrip(".")
        raise SettingsError(_line(f"{file}: {key or _TOP}: {_plain(what, type_, key)}")) from bad


def _numbers(part: object, key: str) -> Iterator[tuple[str, float]]:
    """Walk every float below `part`, with its key: infinity passes each "at least", so it is looked for by itself."""
    if isinstance(part, float):
        yield key, part
    elif isinstance(part, dict):
        for name, inner in part.items():
            yield from _numbers(inner, f"{key}.{name}" if key else name)
    elif isinstance(part, list):
        for index, inner in enumerate(part):
            yield from _numbers(inner, f"{key}[{index}]")


def _line(text: str) -> str:
    """Return `text` as one line: a quoted key may hold newlines."""
    return " ".join(text.split())


def _plain(what: str, type_: type, key: str) -> str:
    """Return msgspec's complaint in a settings file's words, with what is allowed where that is a list."""
    if missing := re.fullmatch(r"Object missing required field `(.*)`", what, re.DOTALL):
        return f"the key {missing[1]} is missing"
    if unknown := re.fullmatch(r"Object contains unknown field `(.*)`", what, re.DOTALL):
        return f"there is no key {unknown[1]}; allowed here: {_allowed(type_, key)}"
    if wrong := re.fullmatch(r"Invalid enum value (.*)", what, re.DOTALL):
        return f"{wrong[1]} is not among what is allowed: {_allowed(type_, key)}"
    what = what.replace(_WHOLE, "")
    for word, plain in _WORDS.items():
        what = what.replace(word, plain)
    return what[:1].lower() + what[1:]


def _allowed(type_: type, key: str) -> str:
    """Return the keys of the table, or the values of the choice, at `key` (dotted, indexes as `[0]` or `[...]`)."""
    here = [inspect.type_info(type_)]
    for name in filter(None, re.sub(r"\[[^]]*\]", "", key).split(".")):
        fields = [field for found in _inside(here) if isinstance(found, inspect.StructType) for field in found.fields]
        here = [field.type for field in fields if field.encode_name == name]
    allowed: set[str] = set()
    for found in _inside(here):
        if isinstance(found, inspect.StructType):
            allowed |= {field.encode_name for field in found.fields}
        elif isinstance(found, inspect.LiteralType):
            allowed |= {str(value) for value in found.values}
        elif isinstance(found, inspect.EnumType):
            allowed |= {str(member.value) for member in found.cls}
    return ", ".join(sorted(allowed))


def _inside(types: list[inspect.Type]) -> list[inspect.Type]:
    """Return `types` with what stands in their lists, tables and alternatives in place of those."""
    flat: list[inspect.Type] = []
    for type_ in types:
        if isinstance(type_, inspect.UnionType):
            flat += _inside(list(type_.types))
        elif isinstance(type_, inspect.ListType):
            flat += _inside([type_.item_type])
        elif isinstance(type_, inspect.DictType):
            flat += _inside([type_.value_type])
        else:
            flat.append(type_)
    return flat
