"""The figures of alerts: one versioned file, for all offices alike. Pure, but for reading that file once."""

from functools import cache
from importlib import resources
from typing import Annotated

import msgspec

_Minutes = Annotated[int, msgspec.Meta(ge=5, le=1440)]
_Count = Annotated[int, msgspec.Meta(ge=1)]
_Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


class Rate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When a window's ratings of the last `minutes` are an alert, and after how many without one it closes."""

    minutes: _Minutes
    least: _Count
    count: _Count
    share: _Share
    index: _Share
    quiet_minutes: _Minutes


class Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of them, under one version."""

    version: str
    patience_minutes: _Minutes
    rate: Rate


@cache
def shipped() -> Policy:
    """Return the policy that this version of Manyi ships."""
    return read(resources.files("cloud.alerts").joinpath("policy.toml").read_text(encoding="utf-8"))


def read(text: str) -> Policy:
    """Read a policy from TOML; raises `msgspec.ValidationError` that names what is wrong."""
    return msgspec.toml.decode(text, type=Policy)
