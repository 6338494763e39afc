"""The figures of contacts: one versioned file, for all offices alike. Pure, but for reading that file once."""

from functools import cache
from importlib import resources
from typing import Annotated

import msgspec


class Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of them, under one version."""

    version: str
    contact_days: Annotated[int, msgspec.Meta(ge=1, le=3650)]
    readings_an_hour: Annotated[int, msgspec.Meta(ge=1)]


@cache
def shipped() -> Policy:
    """Return the policy that this version of Manyi ships."""
    return read(resources.files("cloud.contacts").joinpath("policy.toml").read_text(encoding="utf-8"))


def read(text: str) -> Policy:
    """Read a policy from TOML; raises `msgspec.ValidationError` that names what is wrong."""
    return msgspec.toml.decode(text, type=Policy)
