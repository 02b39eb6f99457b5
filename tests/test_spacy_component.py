"""seqtag in a spaCy pipeline."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import spacy
from corpora import make_corpus, sentences, settings
from spacy.language import Language
from spacy.tokens import Doc, Span

import seqtag
from seqtag import train
from seqtag.errors import InputError

TEXT = "  Ada Noor met\n\nBela  Ochs near Brno . Carl Pohl left ."


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that knows the names of its little corpus."""
    folder = tmp_path_factory.mktemp("spacy")
    os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
    corpus = make_corpus(folder / "corpus", train=120)
    assert train.main([*settings(corpus, training__epochs=6), "--output", str(folder / "run")]) == 0
    return folder / "run" / "model"


@pytest.fixture(scope="module", autouse=True)
def _no_extension() -> Iterator[None]:
    yield
    Span.remove_extension("score")


@pytest.fixture
def pipeline(model: Path) -> Callable[..., Language]:
    def make(*before: str, **config: object) -> Language:
        nlp = spacy.blank("en")
        for name in before:
            nlp.add_pipe(name)
        nlp.add_pipe("seqtag", config={"model": str(model), **config})
        return nlp

    return make


def entities(doc: Doc) -> list[tuple[str, str, float]]:
    return [(ent.text, ent.label_, ent._.score) for ent in doc.ents]


def test_it_finds_what_the_tagger_finds_in_the_same_tokens(pipeline, model: Path) -> None:
    nlp, tagger = pipeline(), seqtag.load(str(model))
    found = 0
    for tokens, _ in sentences(20, seed=5):
        doc = nlp(Doc(nlp.vocab, words=tokens))
        document = tagger(tokens)
        assert [(ent.text, ent.label_) for ent in doc.ents] == [(e.text, e.label) for e in document.entities]
        assert [ent._.score for ent in doc.ents] == pytest.approx([e.score for e in document.entities], abs=1e-5)
        found += len(doc.ents)
    assert found > 20


def test_white_space_tokens_are_left_out_and_sentences_tagged_apart(pipeline, model: Path) -> None:
    doc = pipeline()(TEXT)
    assert doc.text == TEXT
    apart = seqtag.load(str(model)).tag(["Ada Noor met Bela Ochs near Brno .".split(), "Carl Pohl left .".split()])
    expected = [(entity.text, entity.label) for document in apart for entity in document.entities]
    assert [(" ".join(ent.text.split()), ent.label_) for ent in doc.ents] == expected
    assert ("Ada Noor", "PER") in expected
    assert all(isinstance(ent._.score, float) for ent in doc.ents)


def test_sentences_of_the_pipeline_are_taken(pipeline, model: Path) -> None:
    nlp = pipeline()
    words = "Ada Noor met Bela Ochs near Brno".split()
    doc = nlp(Doc(nlp.vocab, words=words, sent_starts=[True, False, False, True, False, False, False]))
    apart = seqtag.load(str(model)).tag([words[:3], words[3:]])
    assert [score for _, _, score in entities(doc)] == pytest.approx(
        [entity.score for document in apart for entity in document.entities], abs=1e-5
    )
    assert entities(pipeline("sentencizer")(TEXT))


@pytest.mark.parametrize("text", ["", " ", "\n\n", "Ada", "a\0b", "\U0001f600 \u200f."])
def test_any_text_is_taken(pipeline, text: str) -> None:
    assert pipeline()(text).text == text
    assert pipeline("sentencizer")(text).text == text


def test_pipe_gives_the_same_in_order(pipeline) -> None:
    nlp = pipeline()
    texts = [" ".join(tokens) for tokens, _ in sentences(30, seed=6)] + ["", TEXT]
    one_by_one = [entities(nlp(text)) for text in texts]
    for size in (1, 7, 100):
        docs = list(nlp.pipe(texts, batch_size=size))
        assert [doc.text for doc in docs] == texts
        for doc, expected in zip(docs, one_by_one, strict=True):
            assert [entity[:2] for entity in entities(doc)] == [entity[:2] for entity in expected]
            assert [ent._.score for ent in doc.ents] == pytest.approx([score for *_, score in expected], abs=1e-5)


def test_errors_in_pipe_go_to_the_handler(pipeline) -> None:
    nlp = pipeline()
    seen: list[str] = []
    nlp.get_pipe("seqtag").set_error_handler(lambda name, proc, docs, error: seen.extend(doc.text for doc in docs))
    nlp.get_pipe("seqtag").min_score = 2.0
    assert list(nlp.pipe(["a", "b", "c"], batch_size=2)) == []
    assert seen == ["a", "b", "c"]
    nlp.get_pipe("seqtag").set_error_handler(spacy.util.raise_error)
    with pytest.raises(InputError, match="min_score"):
        list(nlp.pipe(["a"]))


def test_min_score_leaves_out(pipeline) -> None:
    scores = [score for *_, score in entities(pipeline()(TEXT))]
    assert len(scores) > 1
    least = sorted(scores)[1]
    assert len(pipeline(min_score=least - 1e-4)(TEXT).ents) == len([score for score in scores if score >= least - 1e-4])


@pytest.mark.parametrize("overwrite", [False, True])
def test_earlier_entities_stay_unless_they_may_be_overwritten(pipeline, overwrite: bool) -> None:
    nlp = pipeline(overwrite_ents=overwrite)
    ruler = nlp.add_pipe("entity_ruler", first=True)
    ruler.add_patterns([{"label": "NAME", "pattern": "Noor met"}, {"label": "PREP", "pattern": "near"}])
    found = {(text, label): score for text, label, score in entities(nlp("Ada Noor met Bela Ochs near Brno ."))}
    assert found[("near", "PREP")] is None  # touches none
    assert (("Noor met", "NAME") in found) is not overwrite
    assert (("Ada Noor", "PER") in found) is overwrite
    assert found[("Bela Ochs", "PER")] > 0


def test_a_pipeline_is_saved_with_its_settings(pipeline, model: Path, tmp_path: Path) -> None:
    nlp = pipeline(min_score=0.25, overwrite_ents=True)
    nlp.to_disk(tmp_path / "pipeline")
    again = spacy.load(tmp_path / "pipeline")
    assert again.get_pipe_config("seqtag") == {
        "factory": "seqtag", "model": str(model), "revision": None, "min_score": 0.25, "overwrite_ents": True,
    }  # fmt: skip
    assert entities(again(TEXT)) == entities(nlp(TEXT)) != []
    assert not list((tmp_path / "pipeline").rglob("*.safetensors"))
    elsewhere = {"components": {"seqtag": {"model": str(tmp_path / "none")}}}
    with pytest.raises(InputError, match="none"):
        spacy.load(tmp_path / "pipeline", config=elsewhere)
