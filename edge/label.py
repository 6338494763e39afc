"""The label on a node: who it is, which windows it serves, and the key that the city knows it by. Pure."""

from collections.abc import Sequence
from xml.sax.saxutils import escape

_WIDTH_MM = 70
_LINE_MM = 5
_MARGIN_MM = 4
# A printer of labels has one of these, or what it takes for it.
_FONTS = "'Noto Sans CJK SC','Source Han Sans SC','Microsoft YaHei',sans-serif"


def lines(node: str, windows: Sequence[str], key: str, day: str) -> list[str]:
    """What stands on the label of `node` with its `windows` and public `key` (base64url), installed on `day`."""
    return [
        "满意 Manyi · 政务服务评价器",
        f"设备 {node}",
        f"窗口 {'、'.join(windows)}",
        f"公钥 {key[:22]}",
        f"　　 {key[22:]}",
        f"安装 {day}",
    ]


def svg(told: Sequence[str]) -> str:
    """The label as an SVG of its real size, `_WIDTH_MM` wide; the second line, the node's name, is the large one."""
    height = 2 * _MARGIN_MM + _LINE_MM * (len(told) + 1)
    rows, at = [], float(_MARGIN_MM)
    for number, text in enumerate(told):
        large = number == 1
        at += _LINE_MM * (1.5 if large else 1)
        points = 5.0 if large else 3.2
        weight = ' font-weight="700"' if large else ""
        rows.append(f'<text x="{_MARGIN_MM}" y="{at:g}" font-size="{points:g}"{weight}>{escape(text)}</text>')
    size = f'width="{_WIDTH_MM}mm" height="{height}mm" viewBox="0 0 {_WIDTH_MM} {height}"'
    frame = f'x="1" y="1" width="{_WIDTH_MM - 2}" height="{height - 2}" rx="2"'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="{_FONTS}">',
            f'<rect width="{_WIDTH_MM}" height="{height}" fill="#fff"/>',
            f'<rect {frame} fill="none" stroke="#000" stroke-width="0.4"/>',
            *rows,
            "</svg>\n",
        ]
    )
