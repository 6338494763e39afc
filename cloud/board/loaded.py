"""What a board starts from. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from cloud.board.picture import FeedItem
from proof.scores import Counts


@dataclass(frozen=True)
class Loaded:
    """What the stores knew at ledger position `position`, after commit number `commits`.

    `ahead`: counts by day and window, of today and of any later day (a rating may be dated a little into the future);
    `fresh`: those of today that are behind the veil; `minutes`: the city's counts by minute number, as far back as the
    trends and the week before them reach; `days`: the same by day; `estimated`: how many of each minute's stand there
    by an estimate, as far back as the days that are shown; `total`: of all days ever; `quarantined`: entries today;
    `uncounted`: rows held now.
    """

    position: int = 0
    commits: int = 0
    ahead: Mapping[str, Mapping[str, Counts]] = field(default_factory=dict)
    fresh: Mapping[str, Counts] = field(default_factory=dict)
    minutes: Mapping[int, Counts] = field(default_factory=dict)
    days: Mapping[str, Counts] = field(default_factory=dict)
    estimated: Mapping[int, int] = field(default_factory=dict)
    total: int = 0
    quarantined: int = 0
    uncounted: int = 0
    feed: Sequence[FeedItem] = ()
