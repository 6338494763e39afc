"""The figures of the closed loop: one versioned file, for all offices alike. Pure, but for reading that file once."""

from functools import cache
from importlib import resources
from typing import Annotated

import msgspec

from contract.veil import Veil

_Days = Annotated[int, msgspec.Meta(ge=1, le=250)]


class Days(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Working days for each obligation, and how many overdue bring a case before the city."""

    contact: _Days
    verify: _Days
    rectify: _Days
    to_city: _Days


class Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of them, under one version."""

    version: str
    join_minutes: Annotated[int, msgspec.Meta(ge=0)]
    veil: Veil
    days: Days


@cache
def shipped() -> Policy:
    """Return the policy that this version of Manyi ships."""
    return read(resources.files("cloud.cases").joinpath("policy.toml").read_text(encoding="utf-8"))


def read(text: str) -> Policy:
    """Read a policy from TOML; raises `msgspec.ValidationError` that names what is wrong."""
    return msgspec.toml.decode(text, type=Policy)
