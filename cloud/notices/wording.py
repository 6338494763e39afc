"""Lines of letters from the words of the screens: a letter is read without knowing who reads it in which language."""

from cloud.console.words import Words
from cloud.notices.letter import Line

_words = Words()


def both(key: str, **figures: object) -> Line:
    """Return the words for `key` with `figures` in their places, in both languages."""
    return Line(_words(key, "zh", **figures), _words(key, "en", **figures))
