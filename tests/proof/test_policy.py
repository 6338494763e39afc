"""Policies are files: what is shipped is what the design says, and a wrong one is refused with its reason."""

from importlib import resources

import msgspec
import pytest

from proof.policy import SHIPPED, Guard, read, shipped


def text(name: str) -> str:
    return resources.files("proof").joinpath("policies", f"{name}.toml").read_text(encoding="utf-8")


def test_what_is_shipped() -> None:
    assert {file.name for file in resources.files("proof").joinpath("policies").iterdir()} == {
        f"{name}.toml" for name in SHIPPED
    }
    plain, guarded = shipped("plain"), shipped("guarded")
    assert (plain.name, plain.weights, plain.guard) == ("plain", (1, 0.6, 0), None)
    assert (guarded.name, guarded.points) == ("guarded", (1000, 600, 0))
    assert guarded.guard == Guard(0.85, 0.025, 0.5, 0.05, 5, 30)


@pytest.mark.parametrize(
    ("before", "after", "complaint"),
    [
        ("weights = [1, 0.6, 0]", "weights = [1, 0.6]", r"\$\.weights"),
        ("weights = [1, 0.6, 0]", "weights = [1, 0.6, -1]", r"\$\.weights\[2\]"),
        ("weights = [1, 0.6, 0]", "weights = [0.6, 1, 0]", "fall from satisfied to dissatisfied"),
        ("weights = [1, 0.6, 0]", "weights = [1, 1, 1]", "fall from satisfied to dissatisfied"),
        ("weights = [1, 0.6, 0]", "weights = [1, 0.6005, 0]", "three decimals"),
        ("target = 0.85", "target = 1", r"\$\.guard\.target"),
        ("alpha = 0.025", "alpha = 0.025\nbeta = 1", "beta"),
        ("version = 1", "version = 0", r"\$\.version"),
        ('name = "guarded"', 'name = "../x"', r"\$\.name"),
        ("slope = 0.5", "", "slope"),
    ],
)
def test_what_is_wrong_is_said(before: str, after: str, complaint: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=complaint):
        read(text("guarded").replace(before, after))


def test_what_is_no_toml_is_said() -> None:
    with pytest.raises(msgspec.DecodeError, match="Expected"):
        read("weights")
