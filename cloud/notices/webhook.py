"""Carrying a notice to a webhook: signed JSON over HTTP."""

import asyncio

import httpx
import msgspec

from cloud.notices.carrier import NotDelivered, To
from cloud.notices.rules import Notice, signature

ANSWER_S = 10.0


class Webhook:
    """Posts to `url`; the receiver knows the city by `secret`. A notice that was sent twice has one number."""

    def __init__(self, url: str, secret: bytes, site: str) -> None:
        self._url = url
        self._secret = secret
        self._site = site
        # Reading all certificates takes 50 ms in which the city answers nobody: once, and not for each notice.
        self._trust = httpx.create_ssl_context(trust_env=False)

    async def carry(self, notice: Notice, to: To, now: int) -> None:
        """Carry `notice` at `now` (ms). Raises `NotDelivered` unless it was taken."""
        body = _body(notice, to, self._site)
        headers = {
            "Content-Type": "application/json",
            "Manyi-Notice": str(notice.number),
            "Manyi-Signature": signature(self._secret, now // 1000, body),
        }
        try:
            # Neither a proxy of the environment's nor a redirection: it goes where the settings say, or nowhere.
            async with (
                asyncio.timeout(ANSWER_S),
                httpx.AsyncClient(
                    timeout=ANSWER_S, trust_env=False, follow_redirects=False, verify=self._trust
                ) as client,
                # Of the answer its status alone is read, however long it is.
                client.stream("POST", self._url, content=body, headers=headers) as answer,
            ):
                status, taken = answer.status_code, answer.is_success
        except (httpx.HTTPError, TimeoutError) as bad:
            raise NotDelivered(f"{type(bad).__name__}: {bad}".rstrip(": ")) from bad
        except (httpx.InvalidURL, ValueError) as bad:
            raise NotDelivered(f"{type(bad).__name__}: {bad}", final=True) from bad
        if not taken:
            raise NotDelivered(f"answered {status}")


def _body(notice: Notice, to: To, site: str) -> bytes:
    letter = notice.letter
    told = {
        "notice": notice.number,
        "at": notice.at,
        "kind": letter.kind,
        "to": {"name": to.name, "called": to.called},
        "title": letter.title._asdict(),
        "lines": [line._asdict() for line in letter.lines],
        "link": f"{site}{letter.path}",
    }
    return msgspec.json.encode(told)
