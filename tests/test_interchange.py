"""Documents in other programs' formats, read back where something here reads them."""

import itertools
import json
import sys
from collections.abc import Iterator

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from spacy.tokens import Span
from spacy.vocab import Vocab

from seqtag.config import DataConfig
from seqtag.data.example import Ledger
from seqtag.data.jsonl import example_of_record
from seqtag.document import Document, Entity
from seqtag.errors import InputError
from seqtag.interchange import to_brat, to_doccano, to_hf, to_prodigy, to_spacy
from seqtag.schemes import Span as TokenSpan
from seqtag.schemes import spans_to_tags, tags_to_spans
from seqtag.tokenization import tokenize

TEXT = "Ada Lovelace met\nCharles \n Babbage  in London."
words = st.text(st.sampled_from("aB1.-é字ש  \n\t\r\x0b\x85\u2028\xa0\u3000'\"<"), max_size=40)


def make(text: str, spans: list[tuple[str, int, int]], label: str | None = None) -> Document:
    """A document of seqtag's own tokens; spans in tokens."""
    offsets = tokenize(text)
    entities = []
    for number, (name, first, end) in enumerate(spans):
        start, stop = offsets[first][0], offsets[end - 1][1]
        entities.append(Entity(text[start:stop], name, start, stop, 0.5 + number / 100))
    tags = spans_to_tags([TokenSpan(*span) for span in spans], len(offsets), "IOB2")
    labels = {} if label is None else {label: 0.75, "other": 0.25}
    return Document(
        text, offsets, tags, [1.0] * len(tags), entities, [(0, len(tags))],
        label=label, score=None if label is None else 0.75, labels=labels,
    )  # fmt: skip


@st.composite
def documents(draw: st.DrawFn) -> Document:
    text = draw(words)
    count = len(tokenize(text))
    tags = draw(st.lists(st.sampled_from(["O", "B-PER", "I-PER", "B-x"]), min_size=count, max_size=count))
    return make(text, [(span.label, span.start, span.end) for span in tags_to_spans(tags)])


@pytest.fixture
def ada() -> Document:
    return make(TEXT, [("PER", 0, 2), ("PER", 3, 5), ("LOC", 6, 7)])


def read(record: dict) -> tuple[str | None, list[str], list[str] | None, str | None]:
    """What seqtag's own reader makes of a record."""
    ledger = Ledger("here", strict=True)
    example = example_of_record(json.loads(json.dumps(record)), "here", DataConfig(), ledger)
    label = None if example.labels is None else example.labels[0]
    return example.text, example.tokens, example.tags, label


def test_hugging_face(ada: Document) -> None:
    assert to_hf(ada)[0] == {"entity_group": "PER", "score": 0.5, "word": "Ada Lovelace", "start": 0, "end": 12}
    assert [entity["word"] for entity in to_hf(ada)] == ["Ada Lovelace", "Charles \n Babbage", "London"]
    assert to_hf(make("", [])) == []


def test_brat(ada: Document) -> None:
    assert to_brat(ada) == ("T1\tPER 0 12\tAda Lovelace\nT2\tPER 17 24;27 34\tCharles Babbage\nT3\tLOC 39 45\tLondon\n")
    assert to_brat(make("x", [])) == ""


@given(documents())
def test_brat_lines_match_the_text(document: Document) -> None:
    """The checks that brat itself makes when it opens a file."""
    lines = to_brat(document).splitlines()
    assert len(lines) == len(document.entities)
    for number, (line, entity) in enumerate(zip(lines, document.entities, strict=True), 1):
        name, rest, words = line.split("\t", 2)
        label, offsets = rest.split(" ", 1)
        fragments = [tuple(map(int, fragment.split())) for fragment in offsets.split(";")]
        assert (name, label) == (f"T{number}", entity.label)
        assert words == " ".join(document.text[start:end] for start, end in fragments)
        assert (fragments[0][0], fragments[-1][1]) == (entity.start, entity.end)
        assert all(end < start for (_, end), (start, _) in itertools.pairwise(fragments))
        assert "".join(words.split()) == "".join(entity.text.split())


@pytest.mark.parametrize("label", ["song title", "a\tb", "a\u2028", ""])
def test_brat_takes_no_label_with_white_space(label: str) -> None:
    document = Document("Ada", [(0, 3)], ["O"], [1.0], [Entity("Ada", label, 0, 3, 1.0)], [(0, 1)])
    with pytest.raises(InputError, match="brat cannot hold"):
        to_brat(document)


def test_brat_takes_no_entity_of_white_space() -> None:
    document = Document(" ", [(0, 1)], ["B-X"], [1.0], [Entity(" ", "X", 0, 1, 1.0)], [(0, 1)], pretokenized=True)
    with pytest.raises(InputError, match="X from 0 to 1 is only white space"):
        to_brat(document)


def test_prodigy() -> None:
    task = to_prodigy(make("Ada met Bo Li.", [("PER", 0, 1), ("PER", 2, 4)], label="news"))
    assert task == {
        "text": "Ada met Bo Li.",
        "tokens": [
            {"text": "Ada", "start": 0, "end": 3, "id": 0, "ws": True},
            {"text": "met", "start": 4, "end": 7, "id": 1, "ws": True},
            {"text": "Bo", "start": 8, "end": 10, "id": 2, "ws": True},
            {"text": "Li", "start": 11, "end": 13, "id": 3, "ws": False},
            {"text": ".", "start": 13, "end": 14, "id": 4, "ws": False},
        ],
        "spans": [
            {"start": 0, "end": 3, "token_start": 0, "token_end": 0, "label": "PER"},
            {"start": 8, "end": 13, "token_start": 2, "token_end": 3, "label": "PER"},
        ],
        "label": "news",
    }
    assert read(task)[3] == "news"


def test_doccano(ada: Document) -> None:
    assert to_doccano(ada) == {"text": TEXT, "label": [[0, 12, "PER"], [17, 34, "PER"], [39, 45, "LOC"]]}


@given(documents())
def test_what_is_written_for_prodigy_and_doccano_is_read_back(document: Document) -> None:
    tokens = [token.text for token in document.tokens]
    for record in (to_prodigy(document), to_doccano(document)):
        assert read(record) == (document.text, tokens, list(document.tags), None)


def test_own_tokens_are_read_back_from_prodigy() -> None:
    text = "New York-based firm"
    offsets = [(0, 3), (4, 8), (8, 14), (15, 19)]  # not as seqtag would cut it
    entity = Entity("New York", "LOC", 0, 8, 0.9)
    document = Document(text, offsets, ["B-LOC", "I-LOC", "O", "O"], [1.0] * 4, [entity], [(0, 4)], pretokenized=True)
    assert read(to_prodigy(document))[1:3] == (["New", "York", "-based", "firm"], ["B-LOC", "I-LOC", "O", "O"])


@pytest.fixture(scope="module")
def vocab() -> Iterator[Vocab]:
    yield Vocab()
    Span.remove_extension("score")


def test_spacy(vocab: Vocab) -> None:
    document = make(TEXT, [("PER", 0, 2), ("PER", 3, 5), ("LOC", 6, 7)], label="news")
    for _ in range(2):  # the extension is registered once
        doc = to_spacy(document, vocab)
    assert [(ent.text, ent.label_, ent._.score) for ent in doc.ents] == [
        ("Ada Lovelace", "PER", 0.5), ("Charles \n Babbage", "PER", 0.51), ("London", "LOC", 0.52),
    ]  # fmt: skip
    assert [token.text for token in doc] == [
        "Ada", "Lovelace", "met", "\n", "Charles", "\n ", "Babbage", " ", "in", "London", ".",
    ]  # fmt: skip
    assert doc.cats == {"news": 0.75, "other": 0.25}


@given(documents(), st.sampled_from(["", " ", "\n ", "\0"]), st.sampled_from(["", " ", "  \t"]))
def test_spacy_keeps_text_tokens_and_entities(vocab: Vocab, inner: Document, before: str, after: str) -> None:
    shift = len(before)
    document = Document(
        before + inner.text + after,
        [(start + shift, end + shift) for start, end in inner.offsets],
        inner.tags,
        inner.token_scores,
        [entity._replace(start=entity.start + shift, end=entity.end + shift) for entity in inner.entities],
        inner.sentences,
    )
    assume(document.text)
    doc = to_spacy(document, vocab)
    assert doc.text == document.text
    spans = {(token.idx, token.idx + len(token)): token for token in doc}
    assert [spans[offsets].text for offsets in document.offsets] == [token.text for token in document.tokens]
    assert [Entity(e.text, e.label_, e.start_char, e.end_char, e._.score) for e in doc.ents] == document.entities


def test_spacy_takes_an_empty_text_and_no_surrogates(vocab: Vocab) -> None:
    assert len(to_spacy(make("", []), vocab)) == 0
    with pytest.raises(InputError, match="half of a surrogate pair"):
        to_spacy(make("a \ud800 b", []), vocab)


def test_without_spacy_it_says_what_to_install(ada: Document, vocab: Vocab, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "spacy.tokens", None)
    with pytest.raises(InputError, match=r"pip install spacy"):
        to_spacy(ada, vocab)
