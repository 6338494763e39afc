"""SQL of attachments: which files any step names."""

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

import cloud.cases.tables  # noqa: F401  (its tables belong to the schema)
from cloud.cases.case import Body
from cloud.database import fetch

ATTACHED = "SELECT body FROM case_step WHERE action = 'attach'"
_body = msgspec.json.Decoder(Body)


async def files(connection: AsyncConnection) -> dict[str, bool]:
    """The SHA-256 of every file that a step names; each is to be there, which is what True says."""
    bodies = [_body.decode(body) for (body,) in await fetch(connection, ATTACHED)]
    return {body.attachment.sha256: True for body in bodies if body.attachment is not None}
