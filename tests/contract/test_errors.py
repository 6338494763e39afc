"""The error tree on one page."""

import contract.errors
from contract.errors import ManyiError, Reason, Refused


def test_refused_keeps_the_countable_apart_from_the_readable() -> None:
    refused = Refused(Reason.FUTURE, "two days ahead")
    assert (refused.reason, refused.detail) == (Reason.FUTURE, "two days ahead")
    assert str(refused) == "future: two days ahead"


def test_the_table_names_the_whole_tree() -> None:
    tree = {
        name
        for name, found in vars(contract.errors).items()
        if isinstance(found, type) and issubclass(found, ManyiError) and found is not ManyiError
    }
    assert tree == {line.split("`")[1] for line in (contract.errors.__doc__ or "").splitlines() if "| `" in line}
