"""The time zone whose days a city counts by."""

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from contract.errors import SettingsError


def zone_of(name: str) -> ZoneInfo:
    """Return the zone called `name`; raises `SettingsError`."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as bad:
        raise SettingsError(f"zone {name!r}: expected an IANA name, e.g. Asia/Shanghai") from bad
