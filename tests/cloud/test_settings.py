"""The city's settings: read once, refused in one line."""

from pathlib import Path

import pytest

from cloud.settings import read
from contract.errors import SettingsError

GOOD = 'database = "city.db"\nkey = "city.key"\n\n[broker]\nhost = "127.0.0.1"\npassword_file = "pass"\n'


def written(folder: Path, text: str) -> Path:
    file = folder / "city.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    settings = read(written(tmp_path, GOOD))

    assert settings.database == str(tmp_path / "city.db")
    assert settings.key == str(tmp_path / "city.key")
    assert settings.broker.password_file == str(tmp_path / "pass")
    assert (settings.zone, settings.clock, settings.least, settings.future_s) == ("Asia/Shanghai", "kernel", 20, 60)
    assert settings.http.host == "127.0.0.1"


def test_the_series_is_embedded_unless_said_otherwise(tmp_path: Path) -> None:
    assert read(written(tmp_path, GOOD)).series.kind == "embedded"

    series = read(written(tmp_path, GOOD + '[series]\nkind = "influx"\ntoken_file = "token"\n')).series

    assert (series.url, series.database) == ("http://127.0.0.1:8086", "manyi")
    assert series.token_file == str(tmp_path / "token")


def test_a_database_url_is_left_alone_and_its_password_file_is_beside_the_settings(tmp_path: Path) -> None:
    url = "postgresql://city@db/city"
    settings = read(written(tmp_path, 'database_password_file = "db.password"\n' + GOOD.replace("city.db", url)))

    assert settings.database == url
    assert settings.database_password_file == str(tmp_path / "db.password")
    assert read(written(tmp_path, GOOD)).database_password_file is None


OIDC = (
    '[oidc]\nissuer = "https://id.example"\nclient_id = "manyi"\nclient_secret_file = "oidc.secret"\n'
    'site = "https://city.example"\n'
)


def test_an_identity_provider_is_asked_by_https_or_on_this_machine(tmp_path: Path) -> None:
    oidc = read(written(tmp_path, GOOD + OIDC)).oidc
    assert oidc is not None
    assert (oidc.issuer, oidc.client_secret_file, oidc.label) == (
        "https://id.example",
        str(tmp_path / "oidc.secret"),
        "",
    )
    assert read(written(tmp_path, GOOD)).oidc is None
    assert read(written(tmp_path, GOOD + OIDC.replace("https://id.example", "http://localhost:9000"))).oidc is not None


HOOK = '[[notices.webhooks]]\nname = "oa"\nurl = "{url}"\nsecret_file = "oa.secret"\n'
MAIL = '[notices.mail]\nhost = "mail.example"\nsender = "manyi@city.example"\n'


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (GOOD + '[http]\nhost = "0.0.0.0"\n', "http.host"),
        (GOOD + OIDC.replace("https://id", "http://id"), "oidc.issuer: only https"),
        (GOOD + OIDC.replace("https://city", "http://city"), "oidc.site: only https"),
        (GOOD + OIDC.replace("city.example", "city.example/console"), "site"),
        (GOOD + OIDC.replace("id.example", "a@id.example"), "issuer"),
        (GOOD + OIDC.replace("id.example", "[id.example"), "oidc.issuer"),
        (GOOD + OIDC.replace('client_id = "manyi"\n', ""), "client_id"),
        (GOOD + "[http]\nport = 70000\n", "http.port"),
        ('zone = "Asia/Heze"\n' + GOOD, "zone"),
        ('zone = "../../etc/passwd"\n' + GOOD, "zone"),
        ('clock = "sundial"\n' + GOOD, "clock"),
        ("least = 0\n" + GOOD, "least"),
        ("coffee = true\n" + GOOD, "coffee"),
        (GOOD.replace('key = "city.key"\n', ""), "key"),
        (GOOD + '[series]\nkind = "flux"\n', "series.kind"),
        (GOOD + '[series]\nurl = "influx.example"\n', "series.url"),
        (GOOD + '[series]\nurl = "http://city:secret@influx.example"\n', "series.url"),
        (GOOD + '[series]\ndatabase = "a b"\n', "series.database"),
        (GOOD + '[series]\ntoken = "secret"\n', "series"),
        ("[broker", "TOML"),
        (f"{GOOD}{HOOK.format(url='http://oa.example/')}", "only https"),
        (f"{GOOD}{HOOK.format(url='https://oa.example:99999999/')}", "url: Port out of range"),
        (f"{GOOD}{HOOK.format(url='https://oa.example/') * 2}", "a name is given twice"),
        (f"{GOOD}{HOOK.format(url='ftp://oa.example/')}", "url"),
        (f'{GOOD}{MAIL}tls = "none"\n', 'tls = "none"'),
        (f'{GOOD}{MAIL}user = "manyi"\n', "go together"),
    ],
)
def test_a_wrong_value_is_one_line_with_file_and_key(tmp_path: Path, text: str, told: str) -> None:
    file = written(tmp_path, text)

    with pytest.raises(SettingsError) as wrong:
        read(file)

    assert str(file) in str(wrong.value)
    assert told in str(wrong.value)
    assert "\n" not in str(wrong.value)


def test_a_missing_file_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nothing\.toml: cannot be read"):
        read(tmp_path / "nothing.toml")


def test_certificates_and_the_ca_stand_beside_the_settings(tmp_path: Path) -> None:
    text = GOOD.replace("[broker]", 'pki = "ca"\n[broker]\nca = "ca.pem"\ncertificate = "city.pem"', 1)
    settings = read(written(tmp_path, text))
    assert settings.pki == str(tmp_path / "ca")
    assert (settings.broker.ca, settings.broker.key) == (str(tmp_path / "ca.pem"), settings.key)
    assert read(written(tmp_path, GOOD)).pki is None


def test_secrets_and_files_of_cases_stand_beside_the_settings(tmp_path: Path) -> None:
    text = f'{GOOD}{HOOK.format(url="https://oa.example/")}{MAIL}user = "manyi"\npassword_file = "mail.password"\n'
    settings = read(written(tmp_path, text))
    assert settings.notices.webhooks[0].secret_file == str(tmp_path / "oa.secret")
    assert settings.notices.mail is not None
    assert settings.notices.mail.password_file == str(tmp_path / "mail.password")
    assert settings.attachments == str(Path(settings.database).parent / "attachments")
    assert settings.contacts == str(Path(settings.database).parent / "contacts")
