"""The ways out of the city that the settings ask for."""

import ssl
from collections.abc import Mapping
from pathlib import Path

from cloud.notices.carrier import Carrier
from cloud.notices.mail import Mail
from cloud.notices.webhook import Webhook
from cloud.secretfile import secret_in
from cloud.settings import NoticesSettings
from contract.errors import SettingsError

MAIL = "mail"
# As many characters as make 128 bits in base64.
_SHORTEST = 22


def carriers_of(settings: NoticesSettings) -> Mapping[str, Carrier]:
    """Return each way by the name under which notices are queued for it; asks nobody for anything yet.

    Raises `SettingsError` for a secret that cannot be used.
    """
    carriers: dict[str, Carrier] = {}
    for webhook in settings.webhooks:
        setting = f"notices.webhooks: {webhook.name}: secret_file"
        secret = secret_in(Path(webhook.secret_file), setting)
        if len(secret) < _SHORTEST:
            raise SettingsError(f"{setting}: {webhook.secret_file}: give {_SHORTEST} random characters or more")
        carriers[f"webhook {webhook.name}"] = Webhook(webhook.url, secret.encode(), settings.site)
    mail = settings.mail
    if mail is not None:
        login = None
        if mail.user is not None and mail.password_file is not None:
            login = mail.user, secret_in(Path(mail.password_file), "notices.mail.password_file")
        carriers[MAIL] = Mail(
            mail.host,
            mail.port,
            mail.sender,
            settings.site,
            tls=mail.tls,
            login=login,
            trust=ssl.create_default_context(),
        )
    return carriers
