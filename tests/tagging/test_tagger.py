"""Tagging: offsets point at the text, batches and windows change nothing, scores are probabilities."""

import gc
import itertools
import random
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_model import WORDS, tiny_model

import seqtag
from seqtag.document import Document, Entity
from seqtag.errors import InputError
from seqtag.schemes import tags_to_spans
from seqtag.tagging import engine, tagger
from seqtag.tagging.windows import Windows, merge_windows, window_bounds

KINDS = [
    {"num_layers": 2, "tag_scheme": "IOB2", "members": 2, "document_sharing": 1.0},
    {"bidirectional": False, "head": "softmax", "encoder": "gru", "char_encoder": "lstm"},
]
WORD = st.sampled_from([*WORDS, "\u200d", "e\u0301", "é", "שלום", "\ud800", "\0", "👨\u200d👩\u200d👧", "", "a b"])
TEXTS = st.lists(
    st.one_of(
        st.text(st.characters(), max_size=60),
        st.lists(WORD, max_size=12).map(" ".join),
        st.lists(WORD, max_size=12),
    ),
    max_size=12,
)


TINY = seqtag.Tagger(tiny_model())


@pytest.fixture
def tiny() -> seqtag.Tagger:
    return TINY


def alike(own: Document, other: Document) -> bool:
    """The same but for rounding."""
    assert np.allclose(own.token_scores, other.token_scores, atol=1e-5)
    assert np.allclose([one.score for one in own.entities], [one.score for one in other.entities], atol=1e-5)
    unscored = [[one[:4] for one in document.entities] for document in (own, other)]
    return unscored[0] == unscored[1] and own.tags == other.tags and own.offsets == other.offsets


@settings(max_examples=60)
@given(TEXTS, st.sampled_from([0.0, 0.6]))
def test_offsets_point_at_the_text_and_company_changes_nothing(texts: list[str | list[str]], min_score: float) -> None:
    documents = list(TINY.tag(texts, min_score=min_score))
    assert len(documents) == len(texts)
    for text, document in zip(texts, documents, strict=True):
        assert document.text == (text if isinstance(text, str) else " ".join(text))
        if isinstance(text, list):
            assert [token.text for token in document.tokens] == text
        end = 0
        for token in document.tokens:
            assert end <= token.start <= token.end <= len(document.text)
            assert document.text[token.start : token.end] == token.text
            assert 0 <= token.score <= 1
            end = token.end
        for entity in document.entities:
            assert document.text[entity.start : entity.end] == entity.text
            assert min_score <= entity.score <= 1
        spans = [
            (document.tokens[span.start].start, document.tokens[span.end - 1].end, span.label)
            for first, last in document.sentences
            for span in (
                span._replace(start=span.start + first, end=span.end + first)
                for span in tags_to_spans(document.tags[first:last])
            )
        ]
        assert spans == [(entity.start, entity.end, entity.label) for entity in document.entities]
        assert alike(document, TINY(text, min_score=min_score))


def test_what_is_below_min_score_is_shown_as_outside(tiny: seqtag.Tagger) -> None:
    text = " ".join(WORDS * 3)
    everything, sure = tiny(text), tiny(text, min_score=0.7)
    assert 0 < len(sure.entities) < len(everything.entities)
    assert sure.entities == [entity for entity in everything.entities if entity.score >= 0.7]
    changed = [index for index, (own, other) in enumerate(zip(everything.tags, sure.tags, strict=True)) if own != other]
    assert changed
    for index in changed:
        # The probability of O and that of the tag shown before are of one distribution.
        assert sure.tags[index] == "O"
        assert sure.token_scores[index] + everything.token_scores[index] <= 1 + 1e-5


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: "-".join(map(str, kind.values())) or "defaults")
def test_a_sentence_too_long_for_a_row_is_tagged_as_if_it_were_in_one(
    kind: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tiny_model(**kind)
    words = random.Random(0).choices(WORDS, k=150)  # repeated, they would have taggings of one probability
    whole = seqtag.Tagger(model)(words, n_best=3)
    monkeypatch.setattr(engine, "LONGEST_ROW", 32)
    cut = seqtag.Tagger(model)
    in_pieces = cut(words, n_best=3)
    assert alike(whole, in_pieces)
    assert whole.entities
    for own, other in zip(whole.n_best, in_pieces.n_best, strict=True):
        assert own.tags == other.tags
        assert own.probability == pytest.approx(other.probability, rel=1e-3)
    # Shorter ones keep their company, and their place in it.
    texts = [["Ada"], words, ["Bo", "met"], words[:40], []]
    for own, other in zip(cut.tag(texts), seqtag.Tagger(model).tag(texts), strict=True):
        assert alike(own, other)


@settings(max_examples=200)
@given(st.data())
def test_merged_windows_are_exact_for_emissions_of_bounded_context(data: st.DataObject) -> None:
    length = data.draw(st.integers(1, 200))
    size = data.draw(st.integers(1, 60))
    overlap = data.draw(st.integers(0, size - 1))
    context = overlap // 2
    values = np.random.default_rng(length).normal(size=length)

    def emissions(part: np.ndarray) -> np.ndarray:
        padded = np.pad(part, context)
        return np.stack([padded[t : t + 2 * context + 1] for t in range(len(part))])

    bounds = window_bounds(length, Windows(size, overlap))
    assert all(end - start == min(size, length) for start, end in bounds)
    merged = merge_windows(bounds, [emissions(values[start:end]) for start, end in bounds])
    np.testing.assert_array_equal(merged, emissions(values))


def test_windows_lose_and_double_no_entity_at_a_seam() -> None:
    """With emissions that need no context, windows give what the whole sentence gives, whatever lies at the seams."""
    model = tiny_model()
    layer = model.params["members"][0]["encoder"]["layers"][0]
    layer["recurrent_kernels"][...] = np.zeros_like(layer["recurrent_kernels"][...])
    biases = np.array(layer["biases"][...])
    biases[:, 6:12] = -100.0  # the forget gate is shut
    layer["biases"][...] = biases
    own = seqtag.Tagger(model)
    words = WORDS * 12
    whole = own(words)
    assert any(entity.text.count(" ") for entity in whole.entities)
    for window, overlap in ((7, 0), (7, 1), (16, 6), (50, 0)):
        assert alike(whole, own(words, window=window, overlap=overlap))


def test_the_n_best_taggings_are_ranked_and_probable(tiny: seqtag.Tagger) -> None:
    text = "Ada met Bo. They did n't stay in Rome on 3 May. The U.S. paid Bo."
    document = tiny(text, n_best=40)
    assert len(document.sentences) > 1
    probabilities = [tagging.probability for tagging in document.n_best]
    assert len(probabilities) == 40
    assert probabilities == sorted(probabilities, reverse=True)
    assert sum(probabilities) <= 1 + 1e-5
    assert document.n_best[0].tags == document.tags
    assert [one[:4] for one in document.n_best[0].entities] == [one[:4] for one in document.entities]
    assert len({tuple(tagging.tags) for tagging in document.n_best}) == 40
    product = 1.0
    for first, last in document.sentences:
        tokens = [token.text for token in document.tokens[first:last]]
        product *= tiny(tokens, n_best=1).n_best[0].probability
    assert probabilities[0] == pytest.approx(product, rel=1e-4)


def test_all_taggings_together_have_probability_one(tiny: seqtag.Tagger) -> None:
    document = tiny(["Ada", "met"], n_best=200)
    assert sum(tagging.probability for tagging in document.n_best) == pytest.approx(1.0, abs=1e-5)
    for entity in document.entities:
        held = sum(
            tagging.probability
            for tagging in document.n_best
            if (entity.start, entity.end, entity.label) in [(one.start, one.end, one.label) for one in tagging.entities]
        )
        assert entity.score == pytest.approx(held, abs=1e-5)


def test_endless_input_is_read_as_it_is_needed(tiny: seqtag.Tagger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tagger, "_LIMITS", tagger._LIMITS._replace(characters=2000))
    read = 0

    def endless() -> Iterator[list[str]]:
        nonlocal read
        for count in itertools.count():
            read += 1
            yield WORDS[: 1 + count % len(WORDS)]

    documents = tiny.tag(endless())
    first = list(itertools.islice(documents, 300))
    shapes = tiny.compiled_shapes
    assert read < 300 + 4 * 2000 / 4
    assert [len(document.tokens) for document in first[:18]] == list(range(1, 19))
    for _ in itertools.islice(documents, 3000):
        pass
    assert tiny.compiled_shapes == shapes, "something was compiled in steady state"


def test_threads_share_a_tagger(tiny: seqtag.Tagger) -> None:
    texts = [" ".join(WORDS[start:]) for start in range(len(WORDS))]
    expected = [tiny(text) for text in texts]
    found: dict[int, list[Document]] = {}

    def work(number: int) -> None:
        found[number] = [*map(tiny, texts)] if number % 2 else list(tiny.tag(texts))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for documents in found.values():
        for own, other in zip(documents, expected, strict=True):
            assert alike(own, other)
    assert len(found) == 6


def test_a_megabyte_without_a_space_is_tagged(tiny: seqtag.Tagger) -> None:
    text = "a" * 1_000_000
    document = tiny(text)
    assert "".join(token.text for token in document.tokens) == text


@pytest.mark.parametrize("bad", [None, 3, b"bytes", ["a", 3], {"text": "a"}])
def test_what_is_no_text_is_named_by_its_position(tiny: seqtag.Tagger, bad: object) -> None:
    with pytest.raises(InputError, match=r"texts\[1\]: neither a string nor a list of strings"):
        list(tiny.tag(["a", bad]))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"min_score": 1.5}, "min_score is a probability"),
        ({"min_score": "0.5"}, "min_score is a probability, from 0 to 1, not '0.5'"),
        ({"min_score": float("nan")}, "min_score is a probability"),
        ({"n_best": 1.5}, "n_best is a whole number, not 1.5"),
        ({"window": "8"}, "window is a whole number, not '8'"),
        ({"n_best": -1}, "n_best must be from 0 to 1,000, not -1"),
        ({"n_best": 1001}, "n_best must be from 0 to 1,000, not 1001"),
        ({"window": 5000}, "window must be from 1 to 4096"),
        ({"window": 8, "overlap": 8}, "overlap must be from 0"),
    ],
)
def test_options_out_of_range_are_refused_before_a_text_is_read(
    tiny: seqtag.Tagger, options: dict, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        tiny.tag(iter([]), **options)


def test_one_text_given_to_tag_is_not_taken_for_its_characters(tiny: seqtag.Tagger) -> None:
    with pytest.raises(InputError, match="call the tagger itself"):
        list(tiny.tag("Ada"))
    with pytest.raises(InputError, match="tag takes texts, a list of them for example, not NoneType"):
        list(tiny.tag(None))  # pyright: ignore[reportArgumentType]


def test_a_model_that_cannot_be_written_is_one_sentence(tiny: seqtag.Tagger, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="file/model: the model cannot be written there: File exists"):
        tiny.save(tmp_path / "file" / "model")


def test_documents_are_plain_values(tiny: seqtag.Tagger) -> None:
    document = tiny("Ada met Bo.", n_best=2)
    entity = Entity("Ada", "PER", 0, 3, 0.5)
    assert repr(entity) == "Entity(text='Ada', label='PER', start=0, end=3, score=0.5)"
    record = document.to_dict()
    assert set(record) == {"text", "tokens", "entities", "n_best"}
    assert record["tokens"] == [token._asdict() for token in document.tokens]
    assert [record["tokens"][0][name] for name in ("text", "start", "end")] == ["Ada", 0, 3]
    assert all(type(value["score"]) is float for value in record["tokens"] + record["entities"])


def test_a_saved_tagger_loads_and_tags_the_same(tiny: seqtag.Tagger, tmp_path) -> None:
    tiny.save(tmp_path / "model")
    loaded = seqtag.load(str(tmp_path / "model"))
    text = " ".join(WORDS)
    assert loaded(text) == tiny(text)
    assert loaded.labels == ("LOC", "PER")
    with pytest.raises(InputError, match="is there already"):
        tiny.save(tmp_path / "model")


@pytest.mark.parametrize("kind", [{}, *KINDS])
def test_half_precision_moves_probabilities_a_little(kind: dict[str, Any], tmp_path) -> None:
    """Products of bfloat16 operands are off by up to 2^-8 each; these weights are large, and so are the differences."""
    seqtag.Tagger(tiny_model(**kind)).save(tmp_path / "model")
    texts = [" ".join(WORDS[first:]) for first in range(len(WORDS))]
    whole, half = (
        [score for document in tagger.tag(texts) for score in document.token_scores]
        for tagger in (seqtag.load(str(tmp_path / "model"), precision=name) for name in ("float32", "bfloat16"))
    )
    differences = np.abs(np.array(whole) - np.array(half))
    assert 1e-5 < differences.max() < 0.5
    assert differences.mean() < 0.03


def test_another_precision_is_refused(tmp_path) -> None:
    seqtag.Tagger(tiny_model()).save(tmp_path / "model")
    with pytest.raises(InputError, match="precision: must be float32 or bfloat16, not 'float16'"):
        seqtag.load(str(tmp_path / "model"), precision="float16")


SHARING = seqtag.Tagger(tiny_model(document_sharing=1.0))


def test_sentences_of_a_document_share_what_their_words_are() -> None:
    text = "Zorn met Bo. Then Zorn left for Rome. They saw ZORN."
    together = SHARING(text)
    sentences = [[token.text for token in together.tokens[start:end]] for start, end in together.sentences]
    assert len(sentences) == 3
    alone = list(SHARING.tag(sentences))
    joined = list(SHARING.tag([["Bo"], *(seqtag.InDocument(own, "a") for own in sentences), ["Zorn"]]))[1:-1]
    scores = list(itertools.chain.from_iterable(document.token_scores for document in joined))
    assert np.allclose(scores, together.token_scores, atol=1e-5)
    assert [tag for document in joined for tag in document.tags] == list(together.tags)
    assert not np.allclose(scores, list(itertools.chain.from_iterable(own.token_scores for own in alone)), atol=1e-3)
    apart = list(SHARING.tag([seqtag.InDocument(own, number) for number, own in enumerate(sentences)]))
    assert all(itertools.starmap(alike, zip(apart, alone, strict=True)))
    for own, best in zip(
        joined, SHARING.tag([seqtag.InDocument(own, "a") for own in sentences], n_best=2), strict=True
    ):
        assert best.n_best[0].tags == list(own.tags)


@settings(max_examples=20)
@given(TEXTS)
def test_documents_change_nothing_in_each_other(texts: list[str | list[str]]) -> None:
    for text, document in zip(texts, SHARING.tag(texts), strict=True):
        assert alike(document, SHARING(text))


def test_a_document_of_many_inputs_is_not_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    sentences = [seqtag.InDocument(["Zorn", *WORDS[number : number + 4]], "a") for number in range(12)]
    whole = list(SHARING.tag(sentences))
    monkeypatch.setattr(tagger, "_LIMITS", tagger._LIMITS._replace(inputs=5))
    assert all(itertools.starmap(alike, zip(SHARING.tag(sentences), whole, strict=True)))
    monkeypatch.setattr(tagger, "_LIMITS", tagger._LIMITS._replace(document=1))
    assert not all(
        np.allclose(own.token_scores, other.token_scores, atol=1e-4)
        for own, other in zip(SHARING.tag(sentences), whole, strict=True)
    )


def test_all_before_an_error_is_given_out() -> None:
    def texts() -> Iterator[str]:
        yield from ["Ada"] * 25_000
        raise OSError("gone")

    wrong: list[Any] = [*["Ada"] * 25_000, 3]
    for inputs, error in ((texts(), "gone"), (wrong, r"texts\[25000\]: neither a string nor")):
        documents: list[Document] = []
        with pytest.raises((OSError, InputError), match=error):
            documents.extend(TINY.tag(inputs))
        assert len(documents) == 25_000


def test_texts_that_wait_give_the_garbage_collector_next_to_nothing_to_go_over() -> None:
    """A tenth of the time to tag went into it, when each text was an object with lists of its own."""
    texts = [" ".join(WORDS[start : start + 8]) for start in range(0, 40)] * 50
    list(TINY.tag(texts))  # compiles
    gc.collect()
    before = len(gc.get_objects())
    documents = TINY.tag(texts)
    next(documents)
    gc.collect()
    more = len(gc.get_objects()) - before
    assert more < len(texts) / 2
    assert sum(1 for _ in documents) == len(texts) - 1
