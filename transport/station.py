"""One end of a hop: who it is, in this run of its process."""

from collections.abc import Mapping
from typing import NamedTuple

from contract.batch import StreamKey
from contract.hello import MAX_STREAMS, Hello, Stream
from contract.ranges import Ranges
from contract.signing import Signer
from transport.timepiece import Timepiece


class Station(NamedTuple):
    """The name and key that sign, the epoch of this process, the city's public key, and the time here."""

    name: str
    epoch: str
    signer: Signer
    city_key: bytes
    timepiece: Timepiece

    def hello(
        self, nonce: str, asked: Mapping[StreamKey, Ranges], *, last: int, config: int, void: Mapping[StreamKey, Ranges]
    ) -> Hello:
        """One page of a hello, said now: asking about `asked`, after giving number `last`, under version `config`.

        `void` is declared on every page, as far as there is room: a gateway passes on one of them.
        """
        declared = [key for key in void if key not in asked][: MAX_STREAMS - len(asked)]
        named = {**asked, **dict.fromkeys(declared, Ranges())}
        clock = self.timepiece.clock()
        return Hello(
            v=1,
            node=self.name,
            epoch=self.epoch,
            last=last,
            nonce=nonce,
            config=config,
            boot=clock.boot,
            boottime=clock.boottime,
            wall=self.timepiece.wall_ms(),
            streams=[
                Stream(key.node, key.epoch, list(numbers.pairs), list(void.get(key, Ranges()).pairs))
                for key, numbers in named.items()
            ],
            at=clock.at,
            error=clock.error,
        )
