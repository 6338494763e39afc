"""Names of places and things: township, county, node, window, epoch.

A township is its 9-digit national statistics code, a county the first 6 digits of it. A node's name starts with its
township (`371721121-a1`), a window's with its node (`371721121-a1/02`), an office's (`371721121:zw`) and a person's
(`371721121:1024`) with the township again, so each name says where it belongs, and none can be taken for another.

By whichever channel a window is rated, a node speaks for it. The one at the counter reads the three buttons; another's
name is that one's with its channel behind a dot (`371721121-a1.phone`), and so are the windows it names
(`371721121-a1.phone/02`). What became of the visits at which somebody was asked to rate comes the same way
(`371721121-a1.prompt`), and is no rating: `CHANNELS` are those of ratings.
"""

import re

from contract.errors import Reason, Refused

# Not \d, which takes the digits of every script.
TOWNSHIP = re.compile(r"[0-9]{9}")
COUNTER = re.compile(r"[0-9]{9}-[a-z0-9]{1,16}")
BUTTON, PHONE, TABLET, HOME = "button", "phone", "tablet", "home"
CHANNELS = (BUTTON, PHONE, TABLET, HOME)
PROMPT = "prompt"
NODE = re.compile(rf"{COUNTER.pattern}(?:\.(?:{PHONE}|{TABLET}|{HOME}|{PROMPT}))?")
WINDOW = re.compile(r"[a-z0-9]{1,8}")
# Behind the colon a letter is an office's, a digit a person's.
OFFICE = re.compile(r"[0-9]{9}:[a-z][a-z0-9]{0,15}")
PERSON = re.compile(r"[0-9]{9}:[0-9][a-z0-9]{0,15}")
EPOCH = re.compile(r"[A-Za-z0-9_-]{10}")
EPOCH_BITS = 60

_DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def whole(pattern: re.Pattern[str]) -> str:
    """Return `pattern` as a schema's text for a whole string; Python's `$` alone lets a final newline pass."""
    return f"^{pattern.pattern}$(?!\\n)"


def check_node(node: str) -> str:
    """Return `node`, or raise `Refused` when it is no well-formed node name."""
    if not NODE.fullmatch(node):
        raise Refused(Reason.UNDECODABLE, f"node name {node!r}: expected township-name, e.g. 371721121-a1")
    return node


def township_of(name: str) -> str:
    """Return the township (9 digits) that the node, window, office or person of this `name` belongs to."""
    return name[:9]


def county_of(place: str) -> str:
    """Return the county (6 digits) of a township code or of a node or window name."""
    return place[:6]


def window_id(node: str, window: str) -> str:
    """Return the city-wide name of a node's `window`."""
    return f"{node}/{window}"


def node_of(window: str) -> str:
    """Return the node that the city-wide `window` name belongs to."""
    return window.partition("/")[0]


def channel_of(name: str) -> str:
    """Return the channel of the node or window of this `name`: one of `CHANNELS`, or `PROMPT`."""
    return name.partition("/")[0].partition(".")[2] or BUTTON


def counter_of(name: str) -> str:
    """Return the node or window at the counter that the one of this `name` speaks for; its own where that is itself."""
    node, slash, window = name.partition("/")
    return node.partition(".")[0] + slash + window


def epoch_text(bits: int) -> str:
    """Write sixty random bits as the 10 characters of an epoch; the caller brings the randomness."""
    if not 0 <= bits < 1 << EPOCH_BITS:
        raise ValueError(f"an epoch is made of {EPOCH_BITS} bits, got {bits}")
    return "".join(_DIGITS[bits >> shift & 63] for shift in range(EPOCH_BITS - 6, -6, -6))
