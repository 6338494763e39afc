"""The thresholds of every rule: one versioned file, for all offices alike. Pure, but for reading that file once."""

from functools import cache
from hashlib import sha256
from importlib import resources
from typing import Annotated

import msgspec

_Whole = Annotated[int, msgspec.Meta(ge=1)]
_Share = Annotated[float, msgspec.Meta(gt=0, le=1)]
# How many days before a day may matter to it, beside the day itself.
LOOKBACK_DAYS = 28


class Double(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A repeat at the same window."""

    within_s: _Whole


class Children(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Many presses at once."""

    span_s: _Whole
    presses: _Whole
    at_once: _Whole


class Burst(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """More ratings than people."""

    span_s: _Whole
    service_s: _Whole
    days: _Whole
    times: Annotated[float, msgspec.Meta(ge=1)]
    least: _Whole
    chance: _Share


class Mash(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A metronome."""

    run: Annotated[int, msgspec.Meta(ge=2)]
    longest_s: _Whole
    spread: _Share


class Closed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Ratings in a closed office."""

    grace_s: Annotated[int, msgspec.Meta(ge=0)]


class Silence(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """No ratings in an open one."""

    days: _Whole
    chance: _Share
    times: Annotated[float, msgspec.Meta(ge=1)]
    idle: _Share


class Unplugged(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """No power at the same time of day."""

    days: Annotated[int, msgspec.Meta(ge=2, le=20)]
    dark_days: Annotated[int, msgspec.Meta(ge=2)]
    least_s: _Whole
    slot_s: _Whole
    shuffles: _Whole
    chance: _Share


class Surplus(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """More ratings than visits."""

    within_s: _Whole


class Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of them, under one version."""

    version: str
    double: Double
    children: Children
    burst: Burst
    mash: Mash
    closed: Closed
    silence: Silence
    unplugged: Unplugged
    surplus: Surplus

    @property
    def basis(self) -> str:
        """A short text that changes with any figure, whether or not somebody raised the version."""
        return sha256(msgspec.json.encode(self)).hexdigest()[:16]


@cache
def shipped() -> Policy:
    """Return the policy that this version of Manyi ships."""
    return read(resources.files("cloud.misuse").joinpath("policy.toml").read_text(encoding="utf-8"))


def read(text: str) -> Policy:
    """Read a policy from TOML; raises `msgspec.ValidationError` that names what is wrong."""
    return msgspec.toml.decode(text, type=Policy)
