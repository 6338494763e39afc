"""As which kind of ledger entry a signed batch stands. Pure."""

from contract.identity import PROMPT, channel_of

# What became of visits is signed and numbered as ratings are, and is no rating: its entries have a kind of their own,
# so that nothing that counts ratings can meet one.
BATCH, VISITS = "batch", "visits"


def kind_of(node: str) -> str:
    """Return of which kind the entries are that hold what `node` signed."""
    return VISITS if channel_of(node) == PROMPT else BATCH
