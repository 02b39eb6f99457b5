"""Tagged texts as HTML: nothing lost, nothing injected, legible."""

import itertools
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqtag.document import Document, Entity
from seqtag.html import _HUES, colors_of, page_parts, render, render_page

ATTACKS = [
    "<script>document.title='hacked'</script>",
    "<img src=x onerror=\"document.title='hacked'\">",
    "\"><b onmouseover='x'>",
    "' autofocus onfocus='document.title=1' x='",
    "</mark></div></style></body><h1>out</h1>",
    "<!-- ", "]]>", "&lt;script&gt;", "&amp", "--light:red;background:url(x)",
]  # fmt: skip
anything = st.text(st.characters(exclude_categories=())) | st.sampled_from(ATTACKS)  # surrogates and NUL too


@st.composite
def documents(draw: st.DrawFn) -> Document:
    """Any text with any entities in it."""
    pieces = draw(st.lists(st.tuples(anything, st.none() | anything, st.floats(0, 1)), max_size=6))
    text, entities = "", []
    for piece, label, score in pieces:
        if label is not None:
            entities.append(Entity(piece, label, len(text), len(text) + len(piece), score))
        text += piece
    label = draw(st.none() | anything)
    return make(text, entities, label)


def make(text: str, entities: list[Entity], label: str | None = None) -> Document:
    score = None if label is None else 0.75
    return Document(text, [], [], [], entities, [], label=label, score=score)


def shown(text: str) -> str:
    """What HTML can hold of a text."""
    return re.sub("[\0\ud800-\udfff]", "\ufffd", text)


class Reader(HTMLParser):
    """Reads texts, entities and labels back."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.entities: list[tuple[str, str, str]] = []  # text, label, title
        self.labels: list[str] = []
        self.elements: set[tuple[str, tuple[str, ...]]] = set()
        self._open: list[str] = []
        self.feed(markup)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.elements.add((tag, tuple(given)))
        if tag == "meta":
            return
        self._open.append(tag)
        if given.get("class") == "seqtag-text":
            self.texts.append("")
        elif given.get("class") == "seqtag-label":
            self.labels.append("")
        elif tag == "mark" and "title" in given:
            self.entities.append(("", "", given["title"]))

    def handle_endtag(self, tag: str) -> None:
        assert tag == self._open.pop()

    def handle_data(self, data: str) -> None:
        if "p" in self._open:
            self.labels[-1] += data
        elif "mark" in self._open:
            text, label, title = self.entities[-1]
            is_label = "b" in self._open
            self.entities[-1] = (text, label + data, title) if is_label else (text + data, label, title)
            self.texts[-1] += "" if is_label else data
        elif self._open.count("div") == 2:
            self.texts[-1] += data


ELEMENTS = {
    ("div", ("class",)),
    ("div", ("class", "dir")),
    ("style", ()),
    ("p", ("class", "dir")),
    ("mark", ("style",)),
    ("mark", ("tabindex", "title", "style")),
    ("b", ()),
    ("bdi", ("data-score",)),
}


@given(documents())
def test_a_parser_reads_text_and_labels_back_and_no_other_markup(document: Document) -> None:
    markup = render(document)
    markup.encode("utf-8")
    read = Reader(markup)
    assert read.texts == [shown(document.text)]
    assert read.entities == [
        (shown(entity.text), shown(f"\N{NO-BREAK SPACE}{entity.label}"), shown(f"{entity.label} {entity.score:.2f}"))
        for entity in document.entities
    ]
    assert read.labels == ([] if document.label is None else [shown(f"{document.label} 0.75")])
    assert read.elements <= ELEMENTS
    styles = re.findall('style="(.*?)"', markup)
    assert all(re.fullmatch(r"(--[a-z-]+:#[0-9a-f]{6};?){4}", style) for style in styles)


@given(st.lists(documents(), max_size=3))
def test_a_page_holds_every_document_and_nothing_from_elsewhere(made: list[Document]) -> None:
    page = render_page(made)
    assert page.encode("utf-8")
    assert page.startswith("<!doctype html>")
    assert Reader(page).texts == [shown(document.text) for document in made]
    assert page.count("<style>") == 1
    assert not {tag for tag, _ in Reader(page).elements} & {"script", "img", "link", "iframe", "object", "a"}


def test_a_page_is_made_as_it_is_written() -> None:
    taken = 0

    def endless() -> Iterator[Document]:
        nonlocal taken
        for taken in itertools.count(1):
            yield make(f"text {taken}", [])

    parts = page_parts(endless())
    first = list(itertools.islice(parts, 4))
    assert "text 3" in first[3]
    assert taken == 3


def test_the_methods_of_a_document_lead_here() -> None:
    document = make("Ada", [Entity("Ada", "PER", 0, 3, 0.984)])
    assert document.to_html() == document._repr_html_() == render(document)
    assert document.to_html(page=True) == render_page([document])
    assert 'title="PER 0.98"' in render(document)


def luminance(color: str) -> float:
    """Relative luminance as WCAG 2 defines it."""
    channels = [int(color[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_contrast_is_that_of_wcag() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def test_every_label_is_legible_in_light_and_dark() -> None:
    labels = [*_HUES, *(f"label {number}" for number in range(3000))]
    for colors in {colors_of(label) for label in labels}:
        assert contrast(colors.light, colors.light_ink) >= 4.5
        assert contrast(colors.light, "#111111") >= 4.5
        assert contrast(colors.dark, colors.dark_ink) >= 4.5
        assert contrast(colors.dark, "#ffffff") >= 4.5
    assert "light-dark(#111,#fff)" in render(make("", []))  # the colours of text that were taken above


def test_colours_are_those_of_every_process() -> None:
    labels = ["PER", "per", "song-title", "\ud800", ""]
    program = f"from seqtag.html import colors_of; print([tuple(colors_of(label)) for label in {labels!a}])"
    for seed in ("1", "2"):
        made = subprocess.run(
            [sys.executable, "-c", program], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        )
        assert made.stdout.strip() == str([tuple(colors_of(label)) for label in labels])
    assert colors_of("PER") == colors_of("Person") != colors_of("ORG")


def in_browser(page: str, folder: Path) -> str:
    """The page's DOM once a browser has loaded it."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("there is no chromium")
    (folder / "page.html").write_text(page, encoding="utf-8", newline="")
    flags = """--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking
        --disable-component-update --disable-sync --dump-dom""".split()
    done = subprocess.run(
        [chromium, *flags, f"--user-data-dir={folder / 'profile'}", (folder / "page.html").as_uri()],
        capture_output=True, timeout=120, check=True,
    )  # fmt: skip
    return done.stdout.decode("utf-8")


def test_a_browser_shows_what_was_tagged_and_runs_nothing(tmp_path: Path) -> None:
    text, entities = "Before\r\n", []
    for attack in ATTACKS:
        entities.append(Entity(attack, attack, len(text), len(text) + len(attack), 0.5))
        text += attack + " \0 \ud800  | "
    page = render_page([make(text, entities, label=ATTACKS[0]), make("<b>plain</b>\rשלום", [])])
    # Without the policy, or escaping could not be seen to be what keeps scripts out.
    page = re.sub("<meta http-equiv=.*>", "", page)
    dom = in_browser(page, tmp_path)
    assert "<title>Tagged texts</title>" in dom
    read = Reader(dom)
    assert read.texts == [shown(text), "<b>plain</b>\rשלום"]
    assert read.labels == [f"{ATTACKS[0]} 0.75"]
    assert read.entities == [(attack, f"\N{NO-BREAK SPACE}{attack}", f"{attack} 0.50") for attack in ATTACKS]
    assert {tag for tag, _ in read.elements} == {
        "html", "head", "meta", "title", "style", "body", "div", "p", "mark", "b", "bdi"
    }  # fmt: skip


def test_the_browser_would_run_a_script(tmp_path: Path) -> None:
    page = re.sub("<meta http-equiv=.*>", "", render_page([])).replace("<body>", f"<body>{ATTACKS[0]}")
    assert "<title>hacked</title>" in in_browser(page, tmp_path)
