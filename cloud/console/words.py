"""Every word on the console's screens, in Chinese and English, from `words.toml`. Pure but for reading that file."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Literal, get_args

Language = Literal["zh", "en"]
LANGUAGES: tuple[Language, ...] = get_args(Language)


class Words:
    """`words(key, language)` is what stands for `key`, such as "login.title"."""

    def __init__(self) -> None:
        """`ValueError` for a word that is not there in both languages."""
        self._said = _read()

    @property
    def keys(self) -> frozenset[str]:
        """Every key there is."""
        return frozenset(self._said)

    def __call__(self, key: str, language: Language, **figures: object) -> str:
        """Return the words for `key` with `figures` in their places; `KeyError` for one that is not there."""
        said = self._said[key][language]
        return said.format(**figures) if figures else said


@cache
def _read() -> Mapping[str, Mapping[Language, str]]:
    """What stands for each key in each language, read once for all who write."""
    text = files("cloud.console").joinpath("words.toml").read_text(encoding="utf-8")
    said: dict[str, dict[Language, str]] = {}
    for section, entries in tomllib.loads(text).items():
        for name, pair in entries.items():
            zh, en = pair
            if not zh or not en:
                raise ValueError(f"words.toml: {section}.{name} lacks a language")
            said[f"{section}.{name}"] = {"zh": zh, "en": en}
    return said
