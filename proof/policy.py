"""By which figures satisfaction corrects an assessment: a versioned file, the same for every unit.

Pure, but for reading one.
"""

from functools import cache
from importlib import resources
from pathlib import Path
from typing import Annotated

import msgspec

from contract.errors import SettingsError
from proof.scores import Points, points_of

SHIPPED = ("guarded", "plain")

_Share = Annotated[float, msgspec.Meta(gt=0, lt=1)]
_Weight = Annotated[float, msgspec.Meta(ge=0, le=1)]
_Whole = Annotated[int, msgspec.Meta(ge=1)]


class Guard(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What must be proven before anything is corrected, and how far a correction goes; `target` is a mean in (0, 1)."""

    target: _Share
    alpha: Annotated[float, msgspec.Meta(gt=0, le=0.5)]
    slope: Annotated[float, msgspec.Meta(gt=0, le=1)]
    most: _Share
    penalty_dissatisfied: _Whole
    reward_satisfied: _Whole


class Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`weights` of satisfied, basically satisfied and dissatisfied; without a `guard` the mean itself corrects."""

    name: Annotated[str, msgspec.Meta(pattern="^[a-z][a-z0-9-]{0,31}$")]
    version: _Whole
    weights: tuple[_Weight, _Weight, _Weight]
    guard: Guard | None = None

    def __post_init__(self) -> None:
        """Refuse weights that are not exact in thousandths, or that let a worse rating weigh more."""
        good, basic, bad = self.weights
        if not good >= basic >= bad or good == bad:
            raise ValueError(f"weights {self.weights}: expected them to fall from satisfied to dissatisfied")
        if any(point / 1000 != weight for point, weight in zip(self.points, self.weights, strict=True)):
            raise ValueError(f"weights {self.weights}: expected three decimals at most")

    @property
    def points(self) -> Points:
        """The weights in thousandths."""
        return points_of(self.weights)


def impostor(policy: Policy) -> str | None:
    """Why `policy` is not what it says it is: it has a shipped one's name and version, and other figures."""
    if policy.name not in SHIPPED or policy.version != shipped(policy.name).version or policy == shipped(policy.name):
        return None
    called = f"{policy.name} {policy.version}"
    return f"its policy calls itself {called}, and has other figures than the one that is shipped under this name"


@cache
def shipped(name: str) -> Policy:
    """Return one of the `SHIPPED` policies."""
    return read(resources.files("proof").joinpath("policies", f"{name}.toml").read_text(encoding="utf-8"))


def named(name: str) -> Policy:
    """Return the shipped policy `name`, or the one in the TOML file of that name; raises `SettingsError`."""
    if name in SHIPPED:
        return shipped(name)
    try:
        own = read(Path(name).read_text(encoding="utf-8"))
    except OSError as bad:
        ours = " and ".join(SHIPPED)
        raise SettingsError(f"policy {name}: {bad.strerror}; shipped are {ours}, else name a TOML file") from bad
    except (msgspec.DecodeError, UnicodeDecodeError) as bad:
        raise SettingsError(f"policy {name}: {bad}") from bad
    if (said := impostor(own)) is not None:
        raise SettingsError(f"policy {name}: {said}; give it a name of its own")
    return own


def read(text: str) -> Policy:
    """Read a policy from TOML; raises `msgspec.DecodeError` (`ValidationError` where a figure is out of its bounds)."""
    return msgspec.toml.decode(text, type=Policy)
