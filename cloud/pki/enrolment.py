"""A device with an invitation gets its certificate, and the registry its key."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

import msgspec
from sqlalchemy.ext.asyncio import AsyncEngine

from cloud.pki import names
from cloud.pki.authority import Authority
from cloud.pki.invitations import Invitations, Invited
from cloud.pki.request import opened
from cloud.registry import certificates
from cloud.registry.load import register
from contract import enrolment
from contract.enrolment import Enrol, Enrolled
from contract.errors import Reason, Refused, SettingsError
from contract.identity import township_of

logger = logging.getLogger(__name__)


class Enrolment:
    """Takes requests for the CA in `folder` and registers at `engine`; `now` is the city's time in ms."""

    def __init__(self, folder: Path, engine: AsyncEngine, *, now: Callable[[], int]) -> None:
        """Open the CA; raises `SettingsError`."""
        self._authority = Authority.open(folder)
        self._invitations = Invitations(folder)
        self._engine = engine
        self._now = now
        # Two requests of one device at once must not get two certificates.
        self._one = asyncio.Lock()

    async def enrol(self, raw: bytes) -> Enrolled:
        """Answer the signed request `raw`; raises `Refused`, and then nothing has changed.

        A device whose answer was lost asks again with the same key and gets the same certificate, or a new one where
        that is old. Who registers and certifies stops half way is asked again too: the invitation stays with the key
        that came first.
        """
        request = opened(raw, Enrol, what="enrolment")
        async with self._one:
            invited = await asyncio.to_thread(self._invited, request)
            if not await asyncio.to_thread(self._authority.held, invited.name, request.key):
                await self._register(request, invited)
                logger.info("%s enrolled with the key %s", request.node, request.key)
            certificate = await asyncio.to_thread(self._authority.current, invited.name, request.key, self._now())
            async with self._engine.begin() as connection:
                await certificates.keep(connection, invited.name, certificate, self._now())
        text, ca = certificate.decode(), self._authority.certificate.decode()
        return Enrolled(text, ca, enrolment.answered(bytes.fromhex(invited.digest), text, ca))

    def _invited(self, request: Enrol) -> Invited:
        """The invitation that `request` holds, and nobody else from now on; raises `Refused`."""
        invited = self._invitations.find(request.invitation)
        if invited is None:
            raise Refused(Reason.UNKNOWN_NODE, f"{request.node}: there is no invitation {request.invitation}")
        if not enrolment.same(request.seal, enrolment.asked(bytes.fromhex(invited.digest), request.node, request.key)):
            raise Refused(Reason.WRONG_SIGNATURE, f"{request.node}: not sealed with the secret of the invitation")
        meant = request.node if names.role_of(invited.name) == "node" else township_of(request.node)
        if meant != invited.name:
            raise Refused(Reason.WRONG_SENDER, f"{request.node}: the invitation is for {invited.name}")
        holder = self._invitations.holder(request.invitation)
        if holder is None and self._now() > invited.until:
            raise Refused(Reason.UNKNOWN_NODE, f"{request.node}: the invitation is over")
        if not self._invitations.claim(request.invitation, request.key):
            raise Refused(Reason.CONFLICT, f"{request.node}: the invitation was used with another key, {holder}")
        return invited

    async def _register(self, request: Enrol, invited: Invited) -> None:
        kind = "nodes" if names.role_of(invited.name) == "node" else "gateways"
        document = msgspec.json.encode({kind: [{"node": request.node, "key": request.key}]})
        try:
            await register(self._engine, document, self._now())
        except SettingsError as wrong:
            raise Refused(Reason.CONFLICT, str(wrong)) from wrong
