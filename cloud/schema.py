"""Every room's tables, in one import: whoever opens the city's database needs them all to be there."""

from cloud.database import metadata
from cloud.ledger import tables as ledger
from cloud.quarantine import tables as quarantine
from cloud.registry import tables as registry
from cloud.tallies import tables as tallies

__all__ = ["ledger", "metadata", "quarantine", "registry", "tallies"]
