"""Tagged texts in a terminal."""

import io
import unicodedata

import rich
from hypothesis import given
from rich.console import Console
from test_html import documents, make

from seqtag.document import Document, Entity
from seqtag.html import colors_of
from seqtag.terminal import to_rich


def printed(document: Document, **settings: object) -> str:
    stream = io.StringIO()
    Console(file=stream, width=200, **settings).print(document)  # type: ignore[arg-type]
    return stream.getvalue()


def test_entities_are_followed_by_their_labels() -> None:
    document = make("Ada [red]met[/] Bo.\n\tEnd", [Entity("Ada", "PER", 0, 3, 0.9)], label="news")
    shown = to_rich(document)
    assert shown.plain == "news 0.75\nAda PER [red]met[/] Bo.\n\tEnd"
    styles = {shown.plain[start:end]: style for start, end, style in shown.spans}
    assert set(styles) == {"news", " 0.75", "Ada", " PER"}
    assert str(styles[" PER"]) == "bold {1} on {0}".format(*colors_of("PER"))
    assert printed(document) == "news 0.75\nAda PER [red]met[/] Bo.\n        End\n"
    assert "\x1b[" in printed(document, force_terminal=True, color_system="truecolor")


def test_rich_prints_documents(capsys) -> None:
    rich.print(make("Ada", [Entity("Ada", "PER", 0, 3, 0.9)]))
    assert capsys.readouterr().out == "Ada PER\n"


def test_control_characters_are_shown() -> None:
    assert to_rich(make("a\x1b[31m\0\x07\r\nb\rc\x7f\x9bd\ud800", [])).plain == "a␛[31m␀␇\nb␍c␡\ufffdd\ufffd"


@given(documents())
def test_nothing_raw_reaches_the_terminal(document: Document) -> None:
    shown = to_rich(document).plain
    assert {character for character in shown if unicodedata.category(character) in ("Cc", "Cs")} <= {"\n", "\t"}
    if shown.isprintable() and document.text.isprintable() and document.label is None and not document.entities:
        assert shown == document.text
    printed(document).encode("utf-8")
