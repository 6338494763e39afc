"""A list of keys that somebody brought: its first row may be a heading, and an error there is none."""

import pytest

from contract.errors import SettingsError
from contract.signing import Signer
from proof.keys import listed

KEY = Signer(b"1" * 32).public
NODE = "371721121-a1"


@pytest.mark.parametrize("heading", ["node", "Node", "name", "auditor", "节点", "审计员", "node or auditor", ""])
def test_what_a_heading_may_be_called(heading: str) -> None:
    assert list(listed([[heading, "public key"], [NODE, KEY], ["wang", KEY]], "k.csv")) == [NODE, "wang"]


@pytest.mark.parametrize("name", [NODE, "371721121_a1", "wang", "li-2"])
def test_an_error_in_the_first_row_is_no_heading(name: str) -> None:
    with pytest.raises(SettingsError, match=f"k.csv: row 1: key of '{name}': a public key is 32 bytes"):
        listed([[name, KEY[:-1]], [NODE, KEY]], "k.csv")


@pytest.mark.parametrize("rows", [[], [["node", "key"]], [[None]]])
def test_a_list_without_a_key(rows: list[list[str | None]]) -> None:
    with pytest.raises(SettingsError, match=r"k\.csv: there is no key in it: expected a node or an auditor and a"):
        listed(rows, "k.csv")
