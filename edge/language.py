"""What an installer is spoken to in, and what levels and lines are called in it."""

from collections.abc import Mapping
from typing import Literal

from contract.lines import line

Language = Literal["zh", "en"]

LEVELS: Mapping[Language, Mapping[int, str]] = {
    "zh": {3: "满意", 2: "基本满意", 1: "不满意"},
    "en": {3: "satisfied", 2: "basic", 1: "dissatisfied"},
}
EXPANDER: Mapping[Language, str] = {"zh": "扩展芯片 {number}", "en": "expander {number}"}


def called(pin: int, language: Language) -> str:
    """What the line of number `pin` is called, as "GPIO 17" or "expander 1 GPA3"."""
    at = line(pin)
    return f"{EXPANDER[language].format(number=at.expander)} {at.name}" if at.expander else at.name
