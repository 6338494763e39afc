"""The console's words: each is there in both languages, none is asked for in vain, and none lies idle."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from cloud.alerts.alert import ACTIONS
from cloud.alerts.alert import STATES as ALERT_STATES
from cloud.appeals.appeal import DEEDS as APPEAL_DEEDS
from cloud.appeals.appeal import KINDS as GROUNDS
from cloud.appeals.appeal import STATES as APPEAL_STATES
from cloud.carriers.setup_pages import HELD
from cloud.carriers.setup_pages import WORDS as CARRIERS
from cloud.cases.case import LEVELS, STATES, Deed
from cloud.configs.rules import Standing
from cloud.console.words import Words
from cloud.health.rules import State
from cloud.homes.pages import COLUMNS as VISITS
from cloud.homes.rules import Kind as VisitKind
from cloud.hours.rules import Kind as DayKind
from cloud.hours.rules import Published
from cloud.oidc.rules import Said
from cloud.people.rules import ROLES
from cloud.phone.rules import Why
from cloud.reasons.rules import REASONS
from cloud.reasons.rules import Why as NotLeftWhy
from cloud.reports.lines import ORDERS
from cloud.reports.pages import KINDS_SHOWN
from cloud.updates.rules import Act
from cloud.updates.rules import State as Progress
from contract.config import WindowPins
from contract.errors import Reason

CLOUD = Path(__file__).parents[2] / "cloud"
WORDS = Words()
# Sections whose words are asked for by a code that is put together.
CODES = {
    "role": ROLES,
    "state": STATES,
    "level": LEVELS,
    "grade": ("1", "2", "3"),
    "device": get_args(State),
    "kind": ("node", "gateway"),
    "reason": tuple(Reason),
    "who": ("system", "registration"),
    "standing": get_args(Standing),
    "progress": get_args(Progress),
    "act": get_args(Act),
    "member": ("later", "waiting", "missing", "taken", "excused"),
    "alert": ALERT_STATES,
    "returned": get_args(Said),
    "appeal": APPEAL_STATES,
    "ground": GROUNDS,
    "order": ORDERS,
    "unit": KINDS_SHOWN,
    "table": (
        "window", "node", "office", "person", "office_window", "duty", "office_closure", "office_hours", "special_day",
    ),
    "tablets": CARRIERS,
    "assistants": (*CARRIERS, *HELD),
    "daykind": (*get_args(DayKind), *get_args(Published)),
}  # fmt: skip

# Others of a section that has other words, too.
PARTS = {
    "alerts.": ACTIONS,
    "appeals.": APPEAL_DEEDS,
    "appeals.say_": APPEAL_DEEDS,
    "reports.": ("appeal", "final", "over"),
    "alerts.did_": ("raise", "tell", "nobody", *ACTIONS),
    "alerts.case_": LEVELS,
    "rota.": ("a", "b"),
    "notices.": ("sent", "waiting", "given_up"),
    "digest.": ("day", "week"),
    "phone.": get_args(Why),
    "homes.": (*get_args(VisitKind), *VISITS),
    "why.": (*REASONS, *get_args(NotLeftWhy)),
    "configs.": ("settle_ms", "cooldown_ms", *WindowPins.__struct_fields__[1:]),
}
# What is put together otherwise than with a whole section.
PUT_TOGETHER = (
    "cases.which_", "cases.refused_", "contacts.refused_", "contacts.hint_",
    "imports.kind_", "imports.is_", "closures.coming", "closures.present",
    "closures.past", "duties.coming", "duties.present", "duties.past",
    "configs.refused_", "appeals.refused_", "updates.refused_", "heat.day",
)  # fmt: skip


def asked() -> Iterator[str]:
    """Every key that templates and pages write out."""
    for file in (CLOUD / "console/templates").glob("*.html"):
        yield from re.findall(r"'([a-z]+\.[\w-]+)'", file.read_text(encoding="utf-8"))
    for file in CLOUD.glob("**/*.py"):
        yield from re.findall(r'"([a-z]+\.[a-z0-9_-]+)"', file.read_text(encoding="utf-8"))


def coded() -> set[str]:
    deeds = {code for part in get_args(Deed) for code in (get_args(part) or (part,))}
    whole = {f"{section}.{code}" for section, codes in {**CODES, "deed": deeds}.items() for code in codes}
    return whole | {f"{start}{code}" for start, codes in PARTS.items() for code in codes}


def test_every_code_has_its_word() -> None:
    assert coded() <= WORDS.keys
    assert {key for key in WORDS.keys if key.partition(".")[0] in {*CODES, "deed"}} == {
        key for key in coded() if not key.startswith(tuple(PARTS))
    }


def test_every_change_that_is_written_down_has_its_word() -> None:
    deeds = "bind|unbind|come|set|lock|make|change|end|resume|add|put|send|roll|start|advance|stop|go|finish|read"
    deeds += "|file|grant|refuse|withdraw"
    noted = set()
    for file in CLOUD.glob("**/*.py"):
        noted |= set(re.findall(rf'"((?:{deeds})-[a-z-]+)"', file.read_text("utf-8")))
    assert {f"change.{code}" for code in noted} == {key for key in WORDS.keys if key.startswith("change.")}


def test_no_page_asks_for_a_word_that_is_not_there_and_no_word_lies_idle() -> None:
    sections = {key.partition(".")[0] for key in WORDS.keys}
    written = {key for key in asked() if key.partition(".")[0] in sections and not key.endswith((".html", ".toml"))}
    assert {key for key in written if key not in WORDS.keys} <= {*PUT_TOGETHER, *PARTS}
    idle = {key for key in WORDS.keys - written - coded() if not key.startswith((*PUT_TOGETHER, "change."))}
    assert idle == set()


@pytest.mark.parametrize("key", sorted(WORDS.keys))
def test_both_languages_take_the_same_figures(key: str) -> None:
    figures = [set(re.findall(r"{(\w+)}", WORDS(key, language))) for language in ("zh", "en")]
    assert figures[0] == figures[1]
    assert any("\u4e00" <= letter <= "\u9fff" for letter in WORDS(key, "zh")) or key == "app.language"
