"""Which files a case takes: by what is in them, which their name has to agree with."""

import io
import zipfile

import pytest

from cloud.attachments.rules import MOST_BYTES, TYPES, NotKept, name_of, type_of


def packed(*names: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        for name in ("[Content_Types].xml", *names):
            made.writestr(name, "<x/>")
    return out.getvalue()


PDF, PNG = b"%PDF-1.7\n...", b"\x89PNG\r\n\x1a\n..."
DOCX, XLSX = packed("word/document.xml"), packed("xl/workbook.xml")
TAKEN = {
    "a.pdf": PDF,
    "照片.JPG": b"\xff\xd8\xff\xe0...",
    "b.jpeg": b"\xff\xd8\xff\xe1...",
    "c.png": PNG,
    "d.webp": b"RIFF\x10\0\0\0WEBPVP8 ",
    "说明.txt": "窗口已贴出材料清单。\r\n".encode(),
    "e.txt": "窗口已贴出材料清单。".encode("gb18030"),
    "f.docx": DOCX,
    "g.xlsx": XLSX,
}
REFUSED = {
    "page.html": b"<script>alert(1)</script>",
    "image.svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    "run.exe": b"MZ\x90\0\x03",
    "run.txt": b"MZ\x90\0\x03",
    "run.pdf": b"MZ\x90\0\x03",
    "page.pdf": b"<html>",
    "a.png": PDF,
    "b.pdf": PNG,
    "pdf": PDF,
    "a.docx": XLSX,
    "b.xlsx": packed(),
    "c.docx": DOCX[:40],
    "d.docx": packed("word/document.xml", "word/vbaProject.bin"),
    "e.docm": packed("word/document.xml"),
    "f.zip": packed("word/document.xml"),
    "g.heic": b"\0\0\0\x18ftypheic",
    "h.txt": b"\xff\xfe\xff\xff",
}


@pytest.mark.parametrize("name", TAKEN)
def test_what_is_taken(name: str) -> None:
    assert type_of(name, TAKEN[name]) == TYPES[name.rpartition(".")[2].lower()]


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_of_another_kind_or_not_what_its_name_says_is_refused(name: str) -> None:
    with pytest.raises(NotKept) as bad:
        type_of(name, REFUSED[name])
    assert bad.value.word == "files.other_kind"


def test_ten_megabytes_are_taken_and_one_more_byte_is_not_and_nothing_is_nothing() -> None:
    assert type_of("a.pdf", PDF.ljust(MOST_BYTES)) == "application/pdf"
    for raw, word in ((PDF.ljust(MOST_BYTES + 1), "files.too_long"), (b"", "files.empty")):
        with pytest.raises(NotKept) as bad:
            type_of("a.pdf", raw)
        assert bad.value.word == word


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("a.pdf", "a.pdf"),
        ("C:\\照片\\a.jpg", "a.jpg"),
        ("../../etc/a.txt", "a.txt"),
        ("a\r\nSet-Cookie: x.txt", "aSet-Cookie: x.txt"),
        ("", ""),
        ("..", ".."),
        ("长" * 300 + ".pdf", "长" * 196 + ".pdf"),
    ],
)
def test_of_a_name_its_last_part_is_kept(given: str, name: str) -> None:
    assert name_of(given) == name
