"""Write what is made from code: `docs/asyncapi.json`, `docs/wiring.svg`, and the bytes in `docs/golden/wire.json`.

    .venv/bin/python docs/build.py

In the golden file names, fields, keys and the refused examples are written by hand; `entry`, `payload` and `digest` are
made from them. A difference after running this is a change of the protocol: other implementations feel it.
"""  # noqa: INP001 (a script, not a package)

import json
from base64 import b64encode
from pathlib import Path
from typing import Any

import msgspec

from contract.asyncapi import KINDS, document
from contract.bundle import GZIP_MAGIC, pack
from contract.codec import encode
from contract.config import WindowPins
from contract.signing import Signer
from edge.drawing import svg
from edge.wiring import wires

DOCS = Path(__file__).parent
ASYNCAPI = DOCS / "asyncapi.json"
GOLDEN = DOCS / "golden" / "wire.json"
WIRING = DOCS / "wiring.svg"
# A node of two windows with all that a window can have.
NODE = "371721121-a1"
WINDOWS = [WindowPins("01", 17, 27, 22, 5, 6, 13, 19), WindowPins("02", 23, 24, 25, 16, 20, 21, 26)]


def text(made: dict[str, Any]) -> str:
    """Return `made` as it stands in a file."""
    return json.dumps(made, ensure_ascii=False, indent=1) + "\n"


def wiring() -> str:
    """Return the drawing of the example's wires."""
    return svg(NODE, wires(WINDOWS), "zh")


def golden(told: dict[str, Any]) -> dict[str, Any]:
    """Return the golden file `told` with all that is made from the rest made anew."""
    signers = {name: Signer(bytes.fromhex(key["seed_hex"])) for name, key in told["keys"].items()}
    for name, key in told["keys"].items():
        key["public"] = signers[name].public
    entries: dict[str, bytes] = {}
    for example in told["entries"]:
        body = encode(msgspec.convert(example["fields"], KINDS[example["kind"]].struct))
        signer = example["signed_by"]
        entries[example["name"]] = signers[signer].entry(body) if signer else body
        example["entry"] = entries[example["name"]].decode()
    for example in told["payloads"]:
        payload = pack(entries[name] for name in example["entries"])
        example.pop("payload", example.pop("payload_base64", None))
        if payload.startswith(GZIP_MAGIC):
            example["payload_base64"] = b64encode(payload).decode()
        else:
            example["payload"] = payload.decode()
    return told


def main() -> None:
    """Write all of them."""
    WIRING.write_text(wiring(), encoding="utf-8")
    ASYNCAPI.write_text(text(document()), encoding="utf-8")
    GOLDEN.write_text(text(golden(json.loads(GOLDEN.read_text(encoding="utf-8")))), encoding="utf-8")


if __name__ == "__main__":
    main()
