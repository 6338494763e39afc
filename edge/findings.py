"""What a check of a node found, and how it is said: a table for whoever stands before it, JSON for a machine. Pure."""

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from edge.language import LEVELS, Language, called

# As it should be; it may stay so, but somebody should know; not as it should be.
State = Literal["good", "warn", "bad"]
Part = Literal["settings", "key", "pins", "clock", "disk", "store", "certificate", "broker"]

_MARKS: Mapping[State, tuple[str, str]] = {
    "good": ("\x1b[32m", "✓"),
    "warn": ("\x1b[33m", "!"),
    "bad": ("\x1b[31m", "✗"),
}
_PLAIN = "\x1b[0m"
_PARTS: Mapping[Language, Mapping[Part, str]] = {
    "zh": {
        "settings": "配置文件",
        "key": "私钥",
        "pins": "引脚",
        "clock": "时钟",
        "disk": "磁盘",
        "store": "存储",
        "certificate": "证书",
        "broker": "消息代理",
    },
    "en": {
        "settings": "settings",
        "key": "key",
        "pins": "pins",
        "clock": "clock",
        "disk": "disk",
        "store": "store",
        "certificate": "certificate",
        "broker": "broker",
    },
}
# What is found, and after "|" what to do about it.
_SAID: Mapping[Language, Mapping[str, str]] = {
    "zh": {
        "said": "{detail}",
        "settings": "{windows} 个窗口，{buttons} 个按键，{lights} 盏灯",
        "key": "公钥 {public}",
        "open": "{window} 号窗的 {buttons} 个按键都松开着",
        "down": "{window} 号窗没人按，却已接通：{which}|检查按键是否卡住、接线是否短路",
        "absent": "{window} 号窗：{detail}|检查扩展芯片的供电、接线和地址；改过 config.txt 后要重启",
        "mock": 'pins = "mock"：没有接真实的按键|正式使用时改为 pins = "lgpio"',
        "running": "节点正在运行，引脚由它占用|要逐个检查，先停止节点：systemctl stop manyi-edge",
        "synchronised": "内核已校时，误差不超过 {error_ms} 毫秒",
        "told": "内核没有校时；本次开机后网关已告知时间，评价可以定时",
        "lost": "内核没有校时，本次开机后网关也没有告知时间：评价会保存，时间要以后才能确定"
        "|检查网络和时间服务（timedatectl）；节点连上网关后再查一次",
        "room": "可用 {free_mb} MB（{kind}），落盘一次 {sync_ms} 毫秒",
        "slow": "落盘一次 {sync_ms} 毫秒：按下后要等很久才亮灯|存储卡可能已老化，请更换",
        "cramped": "可用 {free_mb} MB，少于 {least_mb} MB|清理磁盘：写满后按键不再受理",
        "memory": "{folder} 在内存里（{kind}），断电就全部丢失|把 store 放到存储卡或硬盘的数据分区",
        "unwritable": "{folder} 写不进去：{detail}|检查目录权限；数据分区是否以只读方式挂载（mount）",
        "new": "还没有存储文件，首次运行时建立",
        "sound": "完好，{waiting} 条评价还没有市里的回执",
        "damaged": "{detail}|重启节点，它会另存损坏的文件并抢救评价；请更换存储卡",
        "bare": "没有证书，连接未加密，也无法证明自己是谁|用 manyi edge enrol 申请证书",
        "valid": "有效期至 {until}，还有 {days} 天",
        "ending": "有效期至 {until}，只剩 {days} 天|在配置中写 city_url 可自动续期；或用 manyi edge enrol 重新申请",
        "ended": "{until} 已过期|用 manyi edge enrol 重新申请",
        "early": "{since} 才生效|检查本机与市里的时钟",
        "heard": "{where} 已连上，可以收发",
        "refused": "{where} 连不上：{detail}|检查网线、地址、端口和证书；网关是否在运行",
        "passed": "全部正常",
        "warned": "可以使用，有 {warn} 处需要留意",
        "failed": "{bad} 处不正常，改好后请再查一次",
    },
    "en": {
        "said": "{detail}",
        "settings": "{windows} windows, {buttons} buttons, {lights} lights",
        "key": "public key {public}",
        "open": "window {window}: all {buttons} buttons are up",
        "down": "window {window}: down though nobody presses: {which}|look for a stuck button or a short in its wires",
        "absent": "window {window}: {detail}|look at the expander's power, wires and address; a changed config.txt "
        "counts after a reboot",
        "mock": 'pins = "mock": there are no real buttons|for real use set pins = "lgpio"',
        "running": "the node is running and holds them|to look at each, stop it first: systemctl stop manyi-edge",
        "synchronised": "the kernel's clock is synchronised, within {error_ms} ms",
        "told": "the kernel's clock is not synchronised; the gateway has told the time since this boot, so ratings "
        "are dated",
        "lost": "the kernel's clock is not synchronised, and no gateway has told the time since this boot: ratings are "
        "kept and dated later|look at the network and the time service (timedatectl); check again once the node has "
        "been connected",
        "room": "{free_mb} MB free ({kind}), {sync_ms} ms to put something on it",
        "slow": "{sync_ms} ms to put something on it: a light comes long after the press|the card may be worn out: "
        "replace it",
        "cramped": "{free_mb} MB free, fewer than {least_mb} MB|make room: once it is full no press is taken",
        "memory": "{folder} is in memory ({kind}): a power cut loses everything|put `store` on the data partition of "
        "a card or a disk",
        "unwritable": "{folder} cannot be written: {detail}|look at its owner, and whether the data partition is "
        "mounted read-only (mount)",
        "new": "there is none yet; the first run makes it",
        "sound": "sound, {waiting} ratings without a receipt of the city yet",
        "damaged": "{detail}|restart the node: it sets the damaged file aside and rescues its ratings; replace the "
        "card",
        "bare": "there is none: the connection is not encrypted and proves nothing|`manyi edge enrol` asks for one",
        "valid": "valid until {until}, {days} days more",
        "ending": "valid until {until}, {days} days more only|with `city_url` in the settings it renews itself; or "
        "`manyi edge enrol` again",
        "ended": "expired on {until}|`manyi edge enrol` asks for a new one",
        "early": "valid from {since} only|look at the clocks of this machine and the city",
        "heard": "{where} takes us, both ways",
        "refused": "{where} does not take us: {detail}|look at cable, address, port and certificate; does the gateway "
        "run?",
        "passed": "everything is as it should be",
        "warned": "fit for use, with {warn} to look at",
        "failed": "{bad} not as it should be; mend them and check again",
    },
}


class Finding(NamedTuple):
    """What was found at `part`: `word` names the sentence, `told` fills it.

    `down`: level and line of each button that is down though nobody presses.
    """

    part: Part
    state: State
    word: str
    told: Mapping[str, object]
    down: Sequence[tuple[int, int]] = ()


def passed(findings: Sequence[Finding]) -> bool:
    """Whether nothing is bad."""
    return all(one.state != "bad" for one in findings)


def plain(findings: Sequence[Finding]) -> dict[str, object]:
    """The findings for a machine; their sentences are in English."""
    found = [
        {"part": one.part, "state": one.state, "found": one.word, **one.told, "said": _sentence(one, "en")[0]}
        for one in findings
    ]
    return {"passed": passed(findings), "findings": found}


def table(findings: Sequence[Finding], language: Language, *, colours: bool) -> list[str]:
    """The findings as lines for a person: a mark, the part, what was found, and below it what to do."""
    names = _PARTS[language]
    broad = max(_columns(names[one.part]) for one in findings)
    lines = []
    for one in findings:
        colour, mark = _MARKS[one.state]
        shown = f"{colour}{mark}{_PLAIN}" if colours else mark
        said, todo = _sentence(one, language)
        gap = " " * (broad - _columns(names[one.part]) + 2)
        lines.append(f"{shown} {names[one.part]}{gap}{said}")
        if todo:
            lines.append(f"{' ' * (broad + 4)}→ {todo}")
    bad, warn = (sum(one.state == state for one in findings) for state in ("bad", "warn"))
    word = "failed" if bad else "warned" if warn else "passed"
    return [*lines, "", _SAID[language][word].format(bad=bad, warn=warn)]


def _sentence(one: Finding, language: Language) -> tuple[str, str]:
    """Return what was found, and what to do about it if anything."""
    said, _, todo = _SAID[language][one.word].partition("|")
    which = ", ".join(f"{LEVELS[language][level]} ({called(pin, language)})" for level, pin in one.down)
    return said.format(**one.told, which=which), todo


def _columns(text: str) -> int:
    """Return how many columns of a terminal `text` takes: a Chinese character takes two."""
    return sum(1 + (unicodedata.east_asian_width(character) in "WF") for character in text)
