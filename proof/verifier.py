"""`manyi verify`: whether a seal, a proof or a published report holds, with nothing but the file."""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import msgspec

from contract.errors import SettingsError
from contract.identity import window_id
from proof import edition, inclusion, spreadsheet
from proof.edition import Published
from proof.inclusion import Shown
from proof.keys import listed
from proof.seals import Sealed, misfit, objection
from proof.seals import read as read_seals
from proof.sealtext import city_key, read_text
from proof.sealtext import read_seals as kept_seals
from proof.zone import zone_of

INCLUSION, REPORT = "inclusion", "report"
_LEVELS = {3: "satisfied", 2: "basically satisfied", 1: "dissatisfied"}


class Verdict(NamedTuple):
    """What the file `says`, as facts by name and as `lines` to read, and what is wrong with it."""

    says: Mapping[str, object]
    lines: list[str]
    faults: list[str]


def offer(words: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `verify` to the `words` of a command line."""
    verify = words.add_parser(
        "verify",
        help="check a seal, the proof of a rating, or a published report",
        description="Check seals, the proof of a rating, or a published report, with nothing else at hand. That a "
        "report follows from the ledger is for `manyi audit` to see. Exit code 0 where it holds, 1 where it does not, "
        "2 where the file is none of them.",
    )
    verify.set_defaults(run=run)
    verify.add_argument("file", metavar="FILE", type=Path, help="what `manyi seal`, `prove` or `publish` wrote")
    verify.add_argument("--seal", metavar="FILE", type=Path, help="a seal that was kept: the proof must be under it")
    verify.add_argument("--city", metavar="KEY", help="the city's public key, from where you trust it")
    verify.add_argument("--keys", metavar="FILE", type=Path, help="nodes and their public keys (.csv or .xlsx)")
    verify.add_argument("--zone", default="Asia/Shanghai", help="the time zone to tell times in")
    verify.add_argument("--json", dest="as_json", action="store_true", help="one JSON object on stdout")


def run(options: argparse.Namespace) -> int:
    """Verify what `options` ask for; 0 or 1. Raises `SettingsError`."""
    city = None if options.city is None else city_key(options.city)
    text, source = read_text(options.file), str(options.file)
    kind = _kind(text)
    if kind != INCLUSION and (options.seal is not None or options.keys is not None):
        raise SettingsError(f"{source}: it holds no proof, and --seal and --keys are for one")
    if kind == INCLUSION:
        verdict = _proof(inclusion.read(text, source), options, city)
    elif kind == REPORT:
        verdict = _report(edition.read(text, source), city)
    else:
        verdict = _seals(read_seals(text, source), city)
    if options.as_json:
        told = {**verdict.says, "good": not verdict.faults, "faults": verdict.faults}
        sys.stdout.write(f"{json.dumps(told, ensure_ascii=False)}\n")
    else:
        faults = [f"WRONG: {fault}" for fault in verdict.faults]
        sys.stdout.write("\n".join([*verdict.lines, *(faults or ["it holds"])]) + "\n")
    return 1 if verdict.faults else 0


def _kind(text: str) -> str | None:
    """What the file says it is: a proof is one JSON object, a seal or report begins with a line that is one."""
    first = next((line for line in text.splitlines() if line.strip() and not line.startswith("#")), "")
    for part in (text, first):
        try:
            return str(msgspec.json.decode(part, type=dict[str, object]).get("kind"))
        except (msgspec.MsgspecError, RecursionError):
            continue
    return None


def _seals(seals: list[Sealed], city: bytes | None) -> Verdict:
    faults = [f"seal {one.seal.number}: {said}" for one in seals if (said := objection(one, city)) is not None]
    faults += _unchained(seals)
    lines = [line for one in seals for line in _told(one)]
    says = [{"number": one.seal.number, "day": one.seal.day, "root": one.seal.root, "by": one.seal.by} for one in seals]
    return Verdict({"seals": says}, [*lines, *_trusting(city)], faults)


def _unchained(seals: list[Sealed]) -> Iterator[str]:
    """What is wrong between `seals`, in whichever order: two of one number, or one that does not follow its own."""
    numbered: dict[int, dict[bytes, Sealed]] = {}
    for one in seals:
        numbered.setdefault(one.seal.number, {})[one.raw] = one
    for number, ones in sorted(numbered.items()):
        if len(ones) > 1:
            yield f"seal {number}: there are {len(ones)} different ones of this number"
        for one in ones.values():
            said = [misfit(before, one) for before in numbered.get(number - 1, {}).values()]
            # Of several before it, which was named above, it follows one at most.
            if said and None not in said:
                yield f"seal {number}: {said[0]}"


def _report(one: Published, city: bytes | None) -> Verdict:
    told = one.edition
    said = edition.objection(one, city)
    faults = [*([] if said is None else [said]), *edition.unsound(told)]
    own = edition.own_windows(told), edition.own_upheld(told), edition.own_turnouts(told)
    faults += [f"{code or 'the report'}: {wrong}" for code, wrong in edition.faults(told, *own)]
    says = {name: getattr(told, name) for name in ("period", "number", "stage", "until", "position", "at", "by")}
    lines = [
        f"edition {told.number} of {told.period}, {told.stage}: {len(told.lines):,} units",
        f"by policy {told.policy.name} {told.policy.version}, ledger up to position {told.position:,}",
        f"signed by {told.by}",
        *_trusting(city),
        "the figures follow from the counts that it gives; whether these are the ledger's `manyi audit` says",
    ]
    return Verdict({**says, "policy": msgspec.to_builtins(told.policy)}, lines if not faults else lines[:-1], faults)


def _told(one: Sealed) -> list[str]:
    seal = one.seal
    leaves = f", with its {len(one.leaves):,} leaves" if one.leaves else ""
    return [
        f"seal {seal.number} of {seal.day}: positions {seal.first:,} to {seal.last:,}{leaves}, root {seal.root}",
        f"signed by {seal.by}",
    ]


def _trusting(city: bytes | None) -> list[str]:
    return [] if city is not None else ["whose key that is the file says itself; with --city it is the one you trust"]


def _proof(shown: Shown, options: argparse.Namespace, city: bytes | None) -> Verdict:
    proof, seal = shown.inclusion, shown.sealed.seal
    keys = None
    if options.keys is not None:
        keys = listed(spreadsheet.read(options.keys), str(options.keys)).get(proof.node, ())
    faults = inclusion.faults(shown, city=city, keys=keys)
    if options.seal is not None and shown.sealed.raw not in {one.raw for one in kept_seals(options.seal)}:
        faults.append(f"its seal is not in {options.seal}")
    window = window_id(proof.node, shown.row.window)
    pressed = datetime.fromtimestamp(shown.at // 1000, UTC).astimezone(zone_of(options.zone))
    says = {
        "node": proof.node,
        "epoch": proof.epoch,
        "number": proof.seq,
        "window": window,
        "level": int(shown.row.level),
        "at": shown.at,
        "position": proof.position,
        "seal": seal.number,
        "day": seal.day,
        "root": seal.root,
        "by": seal.by,
    }
    lines = [
        f"number {proof.seq} of {proof.node}/{proof.epoch}: {_LEVELS[shown.row.level]}, at window {window}",
        f"pressed {pressed.isoformat(' ', 'seconds')}",
        f"it stands in the ledger at position {proof.position:,}",
        *_told(shown.sealed),
        *_trusting(city),
    ]
    if keys is None:
        lines.append(f"that {proof.node} signed it is not checked; --keys brings its key")
    return Verdict(says, lines, faults)
