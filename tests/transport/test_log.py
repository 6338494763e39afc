"""What a process says on stderr: one object a line, with everything in it but secrets."""

import json
import logging
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from transport.log import Lines, Plain, set_up, without_secrets

Began = Callable[[], AbstractContextManager[None]]
SET_UP = (
    'import logging, threading\nfrom transport.log import set_up\nset_up("{form}", house="edge", who="371721121-a1")\n'
)


@pytest.fixture
def record() -> logging.LogRecord:
    made = logging.LogRecord("edge.node", logging.WARNING, "node.py", 1, "%s is %d", ("it", 7), None)
    made.created = 1_763_800_000.1234
    return made


def line_of(record: logging.LogRecord) -> dict[str, object]:
    text = Lines(house="edge", who="371721121-a1").format(record)
    assert "\n" not in text
    line: dict[str, object] = json.loads(text)
    return line


def said(program: str, form: str = "json") -> list[str]:
    run = subprocess.run(
        [sys.executable, "-c", SET_UP.format(form=form) + program], capture_output=True, text=True, check=False
    )
    assert run.stdout == ""
    return run.stderr.splitlines()


def test_a_line_tells_when_who_where_and_what(record: logging.LogRecord) -> None:
    assert line_of(record) == {
        "time": "2025-11-22T08:26:40.123+00:00",
        "level": "warning",
        "logger": "edge.node",
        "house": "edge",
        "who": "371721121-a1",
        "text": "it is 7",
    }


def test_what_was_given_beside_the_text_has_fields_of_its_own(record: logging.LogRecord) -> None:
    record.batch, record.lasts, record.lane = "371721121-a1/AAAAAAAAAA/1", [3, 4], None
    line = line_of(record)
    assert (line["batch"], line["lasts"]) == ("371721121-a1/AAAAAAAAAA/1", [3, 4])
    assert "lane" not in line


def test_where_one_process_plays_many_a_record_says_who(record: logging.LogRecord) -> None:
    record.who = "371721121-a2"
    assert line_of(record)["who"] == "371721121-a2"


def test_what_json_does_not_know_is_written_as_text(record: logging.LogRecord) -> None:
    record.odd = ValueError("no number")
    assert line_of(record)["odd"] == "no number"


HIDDEN = "Tr0ub4dor"
LEAKS = [
    f"postgresql+asyncpg://manyi:{HIDDEN}@db.example/manyi",
    f"sqlite+aiosqlite:///var/lib/{HIDDEN}/manyi.db",
    f"cannot reach mqtt://gateway:{HIDDEN}@broker:1883 now",
    f"host=db password={HIDDEN} dbname=manyi",
    f"http://127.0.0.1:8086/write?u=manyi&token={HIDDEN}",
    f"http://127.0.0.1:8086/query?u=manyi&p={HIDDEN}&db=manyi",
    f"connect(password='{HIDDEN}')",
    f"connect(password='two {HIDDEN} words', user='manyi')",
    f"connect(password='it\\'s {HIDDEN}')",
    f'token="{HIDDEN}"',
    f"token = {HIDDEN}",
    f"{{'user': 'manyi', 'password': '{HIDDEN}'}}",
    f'{{"token": "{HIDDEN}"}}',
    f"PGPASSWORD={HIDDEN}",
    f"Authorization: Token manyi:{HIDDEN}",
    f"{{'Authorization': 'Token manyi:{HIDDEN}'}}",
    f"[(b'authorization', b'Bearer {HIDDEN}')]",
    f"authorization: {HIDDEN}",
]


@pytest.mark.parametrize("leak", LEAKS)
def test_no_secret_reaches_a_line(record: logging.LogRecord, leak: str) -> None:
    record.msg, record.args, record.exc_info = leak, (), (OSError, OSError(leak), None)
    record.detail = leak
    for form in (Lines(house="edge", who="a"), Plain()):
        text = form.format(record)
        assert HIDDEN not in text
        assert "***" in text


def test_nor_within_an_object_that_stands_beside_the_text(record: logging.LogRecord) -> None:
    record.odd = OSError(f"password='{HIDDEN}'")
    assert line_of(record)["odd"] == "password=***"


@pytest.mark.parametrize(
    "text",
    [
        "the wall is at http://127.0.0.1:8000/",
        "a = b",
        "broker city:1883: refused",
        "user or password refused",
        "password_file='/etc/manyi/postgres.password' is missing",
        'token_file = "influx.token"',
        "/api/nodes?place=371721",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert without_secrets(text) == text


def test_an_exception_is_one_field() -> None:
    (text,) = said('try:\n  1 / 0\nexcept ZeroDivisionError:\n  logging.getLogger("x").exception("it broke")')
    line = json.loads(text)
    assert (line["level"], line["text"]) == ("error", "it broke")
    assert line["exception"].startswith("Traceback")
    assert line["exception"].endswith("ZeroDivisionError: division by zero")


def test_a_crash_is_a_line_too() -> None:
    (text,) = said("1 / 0")
    line = json.loads(text)
    assert (line["level"], line["logger"], line["text"]) == ("critical", "edge", "ended by ZeroDivisionError")


def test_the_end_of_a_thread_is_a_line_too() -> None:
    (text,) = said('thread = threading.Thread(target=lambda: 1 / 0, name="mqtt a1")\nthread.start()\nthread.join()')
    assert json.loads(text)["text"] == "mqtt a1 ended by ZeroDivisionError"


def test_pythons_own_warnings_are_lines_too() -> None:
    (text,) = said('import warnings\nwarnings.warn("old")')
    assert "old" in json.loads(text)["text"]


def test_libraries_are_heard_from_warning_on() -> None:
    texts = said(
        'for name in ("uvicorn.error", "paho"):\n  log = logging.getLogger(name)\n  log.info("a")\n  log.error("b")'
    )
    assert [(json.loads(text)["logger"], json.loads(text)["text"]) for text in texts] == [
        ("uvicorn.error", "b"),
        ("paho", "b"),
    ]


def test_text_is_for_a_person() -> None:
    assert said('logging.getLogger("edge.node").info("it goes")', "text") == ["INFO edge.node: it goes"]


@pytest.fixture
def began(monkeypatch: pytest.MonkeyPatch) -> Began:
    """As a process begins, within it: nobody has set up any logging, nor a hook. Afterwards it is as pytest has it."""

    @contextmanager
    def began() -> Iterator[None]:
        root = logging.getLogger()
        names = (None, "uvicorn.error", "paho", "sqlalchemy.engine", "aiosqlite", "asyncio")
        levels = {name: logging.getLogger(name).level for name in names}
        handlers = root.handlers
        root.handlers = []
        monkeypatch.setattr(sys, "excepthook", sys.__excepthook__)
        monkeypatch.setattr(threading, "excepthook", threading.__excepthook__)
        try:
            yield
        finally:
            root.handlers = handlers
            logging.captureWarnings(capture=False)
            for name, level in levels.items():
                logging.getLogger(name).setLevel(level)

    return began


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(text) for text in capsys.readouterr().err.splitlines()]


def test_a_crash_names_the_error_and_where_it_came_from(began: Began, capsys: pytest.CaptureFixture[str]) -> None:
    with began():
        set_up("json", house="edge", who="371721121-a1")
        logging.getLogger("edge.node").debug("too fine to be said")
        with pytest.raises(ZeroDivisionError) as caught:
            divmod(1, 0)
        sys.excepthook(caught.type, caught.value, caught.tb)
        (line,) = lines(capsys)
        assert (line["level"], line["logger"], line["text"]) == ("critical", "edge", "ended by ZeroDivisionError")
        assert (line["house"], line["who"]) == ("edge", "371721121-a1")
        assert "test_log.py" in str(line["exception"])


def test_who_stops_it_by_hand_gets_pythons_own_last_word(began: Began, capsys: pytest.CaptureFixture[str]) -> None:
    with began():
        set_up("json", house="edge", who="a")
        with pytest.raises(KeyboardInterrupt) as caught:
            raise KeyboardInterrupt
        sys.excepthook(caught.type, caught.value, caught.tb)
        said = capsys.readouterr().err
        sys.__excepthook__(caught.type, caught.value, caught.tb)
        assert said == capsys.readouterr().err
        assert said.endswith("\nKeyboardInterrupt\n")


def test_the_end_of_a_thread_is_said_with_its_name_where_it_has_one(
    began: Began, capsys: pytest.CaptureFixture[str]
) -> None:
    with began():
        set_up("json", house="edge", who="a")
        threading.excepthook(
            threading.ExceptHookArgs((OSError, OSError("no such wire"), None, threading.Thread(name="mqtt a1")))
        )
        threading.excepthook(threading.ExceptHookArgs((OSError, OSError("gone"), None, None)))
        # Python says so of a thread that is torn down with the interpreter: there is no error to show.
        threading.excepthook(threading.ExceptHookArgs((OSError, None, None, None)))
        assert [(line["level"], line["text"], line["exception"]) for line in lines(capsys)] == [
            ("critical", "mqtt a1 ended by OSError", "OSError: no such wire"),
            ("critical", "a thread ended by OSError", "OSError: gone"),
        ]


def test_hooks_that_somebody_else_has_set_are_left(began: Began, monkeypatch: pytest.MonkeyPatch) -> None:
    with began():

        def theirs(*_: object) -> None: ...

        monkeypatch.setattr(sys, "excepthook", theirs)
        monkeypatch.setattr(threading, "excepthook", theirs)
        set_up("json", house="edge", who="a")
        hooks: tuple[object, object] = (sys.excepthook, threading.excepthook)
        assert hooks == (theirs, theirs)


def test_text_leaves_crashes_to_python(began: Began, capsys: pytest.CaptureFixture[str]) -> None:
    with began():
        set_up("text", house="edge", who="a")
        assert sys.excepthook is sys.__excepthook__
        logging.getLogger("edge").info("it goes")
        assert capsys.readouterr().err == "INFO edge: it goes\n"


def test_a_warning_of_pythons_is_said_as_a_line(began: Began, capsys: pytest.CaptureFixture[str]) -> None:
    with began():
        set_up("text", house="edge", who="a")
        warnings.showwarning("old", DeprecationWarning, "node.py", 7)
        assert capsys.readouterr().err.startswith("WARNING py.warnings: node.py:7: DeprecationWarning: old")


def test_logging_that_is_set_up_already_is_kept(began: Began, capsys: pytest.CaptureFixture[str]) -> None:
    with began():
        set_up("text", house="edge", who="a")
        set_up("json", house="city", who="b")
        logging.getLogger("edge").info("it goes")
        assert capsys.readouterr().err == "INFO edge: it goes\n"
