"""Carrying a notice to a mailbox, by SMTP."""

import asyncio
import smtplib
import ssl
from email.message import EmailMessage

from cloud.notices.carrier import NotDelivered, To
from cloud.notices.rules import Notice, mail_text
from cloud.settings import Tls

ANSWER_S = 20.0


class Mail:
    """Sends by the server at `host` and `port`, as `sender`, logged in as `user` where one is given.

    `tls`: from the first byte on, or begun by STARTTLS; without, only on this machine. `trust` is what certificates are
    checked with.
    """

    def __init__(
        self,
        host: str,
        port: int,
        sender: str,
        site: str,
        *,
        tls: Tls,
        login: tuple[str, str] | None,
        trust: ssl.SSLContext,
    ) -> None:
        self._host = host
        self._port = port
        self._sender = sender
        self._site = site
        self._tls = tls
        self._login = login
        self._trust = trust

    async def carry(self, notice: Notice, to: To, _now: int) -> None:
        """Carry `notice`. Raises `NotDelivered` unless it was taken."""
        if to.mail is None:
            raise NotDelivered(f"{to.name} has no mailbox: give the account one", final=True)
        letter = EmailMessage()
        letter["From"] = self._sender
        letter["To"] = to.mail
        letter["Subject"] = notice.letter.title.zh
        letter["Message-ID"] = f"<notice-{notice.number}@{self._sender.rpartition('@')[2]}>"
        letter["Auto-Submitted"] = "auto-generated"
        letter.set_content(mail_text(notice.letter, self._site))
        try:
            await asyncio.to_thread(self._send, letter)
        except (OSError, smtplib.SMTPException) as bad:
            raise NotDelivered(" ".join(f"{type(bad).__name__}: {bad}".split())) from bad
        except ValueError as bad:
            # A name or a password that SMTP has no letters for; what it is stays unsaid.
            raise NotDelivered(
                f"{type(bad).__name__}: give host, sender, user and password in ASCII", final=True
            ) from bad

    def _send(self, letter: EmailMessage) -> None:
        if self._tls == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(self._host, self._port, timeout=ANSWER_S, context=self._trust)
        else:
            server = smtplib.SMTP(self._host, self._port, timeout=ANSWER_S)
        with server:
            if self._tls == "starttls":
                server.starttls(context=self._trust)
            if self._login is not None:
                server.login(*self._login)
            server.send_message(letter)
