"""Documents: found, read, and cut into chunks, whatever they hold."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pypdf import PdfWriter
from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

from pytest_ftgate.errors import FtgateError
from pytest_ftgate.planning.chunks import cut_text
from pytest_ftgate.planning.documents import MAX_FILE_BYTES, Documents, find_documents, read_documents
from pytest_ftgate.planning.html_text import strip_html


def read(folder: Path, *patterns: str) -> Documents:
    found = find_documents(patterns or ("*",), folder, folder, allow_outside=False)
    return read_documents(found, folder)


def write_pdf(path: Path, *texts: str, password: str = "") -> None:
    """A PDF with a page for each text."""
    writer = PdfWriter()
    font = DictionaryObject({
        NameObject("/Type"): NameObject("/Font"),
        NameObject("/Subtype"): NameObject("/Type1"),
        NameObject("/BaseFont"): NameObject("/Helvetica"),
    })  # fmt: skip
    for text in texts:
        page = writer.add_blank_page(300, 300)
        stream = DecodedStreamObject()
        stream.set_data(f"BT /F1 12 Tf 20 200 Td ({text}) Tj ET".encode())
        page[NameObject("/Contents")] = writer._add_object(stream)
        fonts = DictionaryObject({NameObject("/F1"): writer._add_object(font)})
        page[NameObject("/Resources")] = DictionaryObject({NameObject("/Font"): fonts})
    if password:
        writer.encrypt(password)
    writer.write(path)


# -- reading ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("a.md", b"\xef\xbb\xbf# Fee", "# Fee"),
        ("b.txt", "Gebühr".encode("utf-16"), "Gebühr"),
        ("c.txt", "Gebühr".encode("utf-32"), "Gebühr"),
        ("d.html", '<meta charset="iso-8859-2"><p>łódź'.encode("iso-8859-2"), "łódź"),
        ("e.HTM", b"<p>5 &lt; 6</p>", "5 < 6"),
    ],
)
def test_text_is_read_by_what_it_says_of_its_encoding(
    tmp_path: Path, name: str, content: bytes, text: str
) -> None:
    (tmp_path / name).write_bytes(content)
    (found,) = read(tmp_path).read
    assert (found.source, found.text.strip(), found.note) == (name, text, "")


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("a.txt", b"Geb\xfchr 5 \x80", "Gebühr 5 €"),
        ("b.html", b"<meta charset=utf-8><p>Geb\xfchr", "Gebühr"),
        ("c.html", b"<meta charset=hex><p>Geb\xfchr", "Gebühr"),
    ],
)
def test_another_encoding_is_read_as_windows_text_and_noted(
    tmp_path: Path, name: str, content: bytes, text: str
) -> None:
    (tmp_path / name).write_bytes(content)
    found = read(tmp_path)
    assert found.read[0].text.strip() == text
    assert "cp1252" in found.notes[0]


def test_what_holds_no_text_is_left_out_with_the_reason(tmp_path: Path) -> None:
    write_pdf(tmp_path / "secret.pdf", "hidden", password="x")
    write_pdf(tmp_path / "scan.pdf", "")
    files = {
        "good.md": b"text",
        "blank.md": b" \n",
        "binary.txt": b"\x7fELF\0\0",
        "cut.txt": b"\xff\xfeA",
        "broken.pdf": b"%PDF-1.7\n1 0 obj\n<</Type /Catalog /Pages 1 0 R>>\nendobj\ntrailer <</Root 1 0 R>>",
        "no.pdf": b"hello",
        "hidden.html": b"<script>only code</script>",
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    found = read(tmp_path)
    assert [each.source for each in found.read] == ["good.md"]
    reasons = dict(found.unread)
    assert set(reasons) == {*files, "secret.pdf", "scan.pdf"} - {"good.md"}
    assert "encrypted" in reasons["secret.pdf"]
    assert "scanned" in reasons["scan.pdf"]
    assert "binary" in reasons["binary.txt"]
    assert len(found.notes) == len(reasons)


def test_nothing_readable_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("")
    with pytest.raises(FtgateError, match=r"none of the 1 files.*a\.md: it holds no text"):
        read(tmp_path)


def test_a_pdf_is_its_pages(tmp_path: Path) -> None:
    write_pdf(tmp_path / "fees.pdf", "The fee is 5 euros.", "It is due in May.")
    (found,) = read(tmp_path).read
    assert " ".join(found.text.split()) == "The fee is 5 euros. It is due in May."


def test_a_pdf_without_pypdf_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_pdf(tmp_path / "fees.pdf", "The fee is 5 euros.")
    monkeypatch.setitem(sys.modules, "pypdf", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(FtgateError, match=r"pytest-ftgate\[pdf\]"):
        read(tmp_path)


def test_files_outside_are_refused_also_behind_links(tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "key.md").write_text("key")
    root = tmp_path / "project"
    root.mkdir()
    (root / "link.md").symlink_to(tmp_path / "secret" / "key.md")
    (root / "folder").symlink_to(tmp_path / "secret")
    (root / "loop.md").symlink_to(root / "loop.md")
    (root / "device.md").symlink_to("/dev/zero")
    for pattern in ("*.md", "folder/*.md"):
        with pytest.raises(FtgateError, match=r"outside the rootdir|cannot be looked for"):
            read(root, pattern)
    (root / "loop.md").unlink()
    (root / "link.md").unlink()
    with pytest.raises(FtgateError, match=r"matches no|outside"):
        read(root, "*.md")


def test_a_huge_file_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "huge.md").open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    with pytest.raises(FtgateError, match="split it"):
        read(tmp_path)


# -- HTML -------------------------------------------------------------------------------------------


def test_html_becomes_its_visible_text() -> None:
    page = (
        '<html><style>p{}</style><p title="a > b">A &lt;b&gt;</p><!-- <p>no --><SCRIPT>x<y "</p>"</SCRIPT>'
        "<ul><li>one<li>two</ul>3 < 4<br>é &#233; &#x1F600;</html>"
    )
    assert strip_html(page).split() == ["A", "<b>", "one", "two", "3", "<", "4", "é", "é", "😀"]
    assert strip_html("İİİ<script>x</script>İ") == "İİİİ"


@pytest.mark.parametrize(
    "unit",
    [
        "<",
        "<a ",
        "<b>",
        "<div>",
        "<!",
        "<!--",
        "<![CDATA[",
        "<?",
        "</",
        "&",
        "&#x",
        "<script>",
        "<style></x>",
        'x="',
        "<a '",
        "&#1",
    ],
)
def test_html_of_one_repeated_piece_takes_no_time(unit: str) -> None:
    # html.parser takes minutes for some of these; that this ends at all is what is asked.
    assert isinstance(strip_html(unit * 100_000), str)
    assert isinstance(strip_html("<a " + unit * 100_000), str)


@given(st.text(alphabet="<>a/!-\"'& ;#script1", max_size=60))
def test_no_html_breaks_the_reading(text: str) -> None:
    assert isinstance(strip_html(text), str)


# -- chunks -----------------------------------------------------------------------------------------


@given(
    st.lists(st.text(alphabet="ab \n.日", max_size=30), max_size=20).map("\n\n".join),
    st.integers(4, 30),
    st.integers(0, 2),
)
def test_chunks_are_slices_that_lose_no_word(text: str, words: int, overlap: int) -> None:
    spans = list(cut_text(text, words=words, overlap=overlap))
    covered = set(itertools.chain.from_iterable(range(start, end) for start, end in spans))
    assert all(text[place].isspace() for place in set(range(len(text))) - covered)
    assert all(a[0] < b[0] and a[1] < b[1] for a, b in itertools.pairwise(spans))


def test_chunks_are_bounded_and_overlap() -> None:
    numbers = [f"w{i}" for i in range(1000)]
    text = "\n\n".join(" ".join(numbers[i : i + 90]) for i in range(0, 1000, 90))
    chunks = [text[start:end].split() for start, end in cut_text(text, words=200, overlap=40)]
    assert all(len(chunk) <= 200 for chunk in chunks)
    for before, after in itertools.pairwise(chunks):
        assert before[-40:] == after[:40]
    # Each but the last ends where a paragraph does.
    assert {int(chunk[-1][1:]) % 90 for chunk in chunks[:-1]} == {89}
    assert list(cut_text("  \n\n ")) == []


def test_text_without_spaces_is_cut_too() -> None:
    assert len(list(cut_text("x" * 100_000))) > 10
    chinese = "我们的退款政策是三十天内可以退款。" * 200
    assert max(end - start for start, end in cut_text(chinese)) <= 400
