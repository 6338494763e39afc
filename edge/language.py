"""What an installer is spoken to in, and what the levels are called in it."""

from collections.abc import Mapping
from typing import Literal

Language = Literal["zh", "en"]

LEVELS: Mapping[Language, Mapping[int, str]] = {
    "zh": {3: "满意", 2: "基本满意", 1: "不满意"},
    "en": {3: "satisfied", 2: "basic", 1: "dissatisfied"},
}
