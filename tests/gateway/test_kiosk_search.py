"""Finding what somebody typed, in either language."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.halls.document import read
from gateway.kiosk.search import MOST, Found, parts_of, plain, search

FILE = Path(__file__).parents[2] / "deploy" / "hall.toml"
CATALOGUE = read(FILE.read_text(encoding="utf-8"), file=str(FILE)).catalogue()


def titles(typed: str) -> list[str]:
    services, questions = [one.name for one in CATALOGUE.services], [one.asked for one in CATALOGUE.questions]
    return [(services if kind == "service" else questions)[place].zh for kind, place in search(CATALOGUE, typed)]


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("养老", "城乡居民养老保险参保"),
        ("养老保险怎么参保", "城乡居民养老保险参保"),
        ("身份证", "居民身份证换领"),
        ("ＩＤ　ＣＡＲＤ renewing", "居民身份证换领"),
        ("MARRIAGE", "结婚登记"),
        ("小孩落户", "新生儿落户"),
        ("低保", "最低生活保障申请"),
        ("多久能拿到", "身份证多久能拿到？"),
        ("12345", "对服务不满意找谁？"),
        ("贵", ""),
        ("。？！", ""),
        ("   ", ""),
        ("", ""),
    ],
)
def test_what_is_typed_finds_what_is_meant(typed: str, first: str) -> None:
    found = titles(typed)
    assert (found[0] if found else "") == first


def test_parts_are_pairs_of_chinese_and_whole_words() -> None:
    assert parts_of(plain("养老保险 ID Card")) == ["养老", "老保", "保险", "id", "card"]
    assert parts_of("钱") == ["钱"]


@given(st.text(max_size=60))
def test_whatever_is_typed_is_answered(typed: str) -> None:
    found = search(CATALOGUE, typed)
    assert len(found) <= MOST
    assert len(set(found)) == len(found)


@pytest.mark.parametrize("place", range(len(CATALOGUE.services)))
def test_every_service_is_found_first_by_its_own_name(place: int) -> None:
    name = CATALOGUE.services[place].name
    assert search(CATALOGUE, name.zh)[0] == search(CATALOGUE, name.en)[0] == Found("service", place)
