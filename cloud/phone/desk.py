"""Where a rating by telephone is taken: its code is used and it is on disk, numbered and signed, or neither."""

from collections.abc import Callable

from cloud.database import Database, unavailable
from cloud.door.allowances import Allowances
from cloud.phone import store
from cloud.phone.rules import NotTaken, checked, neighbours_of
from cloud.registry.snapshot import Registry
from contract.batch import Batch, StreamKey
from contract.codec import encode
from contract.codes import MINUTE_MS, code_at, key_of
from contract.identity import EPOCH_BITS, PHONE, epoch_text, node_of, township_of
from contract.rating import Level, Quality, Row
from contract.signing import Signer

# Wrong codes at one window, by whomever: twenty at once, and one every half minute. At three good ones in a million
# whoever goes on guessing all day gets in one rating in a hundred days.
WRONG, WRONG_EVERY_S = 20, 30.0


class PhoneDesk:
    """Takes ratings for the windows of `registry`, signed by `signer`; codes are made of `secret` (32 bytes).

    `now` is the city's time in ms. `taken` is called after each commit.
    """

    def __init__(
        self,
        database: Database,
        signer: Signer,
        secret: bytes,
        *,
        registry: Callable[[], Registry],
        now: Callable[[], int],
        monotonic: Callable[[], float],
        random_bits: Callable[[int], int],
        taken: Callable[[], None],
    ) -> None:
        """Begin an epoch; `monotonic` counts seconds, `random_bits(n)` gives n random bits."""
        self._database = database
        self._signer = signer
        self._secret = secret
        self._registry = registry
        self._now = now
        self._wrong = Allowances(monotonic, burst=WRONG, every_s=WRONG_EVERY_S)
        self._epoch = epoch_text(random_bits(EPOCH_BITS))
        self._taken = taken

    def code(self, window: str) -> str:
        """Return the code of `window` in this minute."""
        return code_at(key_of(self._secret, township_of(window)), window, self._now() // MINUTE_MS)

    async def rate(self, window: str, level: Level, text: str, receipt: str) -> Level:
        """Take a rating of the registered `window` by the code `text`; it is on disk when this returns.

        Sent again with the same `receipt` it is the same rating, whatever the level; that of the rating is returned.
        Raises `NotTaken`, and `Unavailable`: then it is not known whether it was taken, and the same may be sent again.
        """
        now = self._now()
        if not self._wrong.has(window):
            # Whatever it is: a good one that was guessed is not to be told from one that was read.
            raise NotTaken("patience")
        key = key_of(self._secret, township_of(window))
        try:
            code = checked(key, window, text, now, neighbours_of(window, self._registry().windows))
        except NotTaken:
            self._wrong.take(window)
            raise
        used = window, code.minute
        with unavailable():
            if not await self._take(window, level, used, receipt, now):
                async with self._database.reader.connect() as connection:
                    use = await store.use_of(connection, used)
                if use is None or use[0] != receipt:
                    raise NotTaken("used")
                level = use[1]
        self._taken()
        return level

    async def _take(self, window: str, level: Level, used: tuple[str, int], receipt: str, now: int) -> bool:
        """Number, sign and keep the rating; False, and then nothing has happened, where the code was `used` before."""
        stream = StreamKey(f"{node_of(window)}.{PHONE}", self._epoch)
        async with self._database.writer.connect() as connection, connection.begin() as transaction:
            number, before = await store.next_number(connection, stream, now)
            row = Row(0, window.partition("/")[2], level, 1)
            batch = Batch(1, *stream, number, now, Quality.SYNCHRONISED, [row], prev=before)
            raw = self._signer.entry(encode(batch))
            if not await store.take(connection, used, receipt, (stream, number), now, raw):
                # The number is taken back with it.
                await transaction.rollback()
                return False
        return True
