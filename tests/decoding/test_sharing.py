"""Words that training hardly knew share the scores of their tags within a document, and nothing else does."""

from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqtag.config import ModelConfig
from seqtag.data.batching import Plan
from seqtag.data.document_ids import document_numbers
from seqtag.data.encoding import TokenTable
from seqtag.decoding.sharing import Sharing
from seqtag.vocabulary import build_vocabulary

COUNTS = Counter({"the": 500, "bank": 3, "Bank": 1, "Oslo": 2})
WORDS = st.sampled_from(["the", "bank", "Bank", "BANK", "oslo", "Xyz", "xyz", "é"])
DOCUMENTS = st.lists(st.lists(st.lists(WORDS, min_size=1, max_size=5), min_size=1, max_size=4), min_size=1, max_size=4)


def make_sharing(strength: float) -> Sharing:
    vocabulary = build_vocabulary(COUNTS, ["X"], ModelConfig())
    sharing = Sharing.of(TokenTable(vocabulary, 12), strength)
    assert sharing is not None
    return sharing


@given(DOCUMENTS, st.sampled_from([0.5, 1.0, 3.0]))
def test_scores_move_towards_the_mean_of_their_word_in_its_document(
    documents: list[list[list[str]]], strength: float
) -> None:
    # An unknown word in another case counts as the word that it is looked up as.
    counts = {"the": 500, "bank": 3, "Bank": 1, "BANK": 3, "oslo": 2, "Xyz": 0, "xyz": 0, "é": 0}
    sentences = [sentence for document in documents for sentence in document]
    numbers = [number for number, document in enumerate(documents) for _ in document]
    rng = np.random.default_rng(0)
    scores = [rng.normal(size=(len(sentence), 3)).astype(np.float32) for sentence in sentences]
    flat, firsts = np.concatenate(scores), np.cumsum([0, *map(len, sentences)])[:-1].tolist()
    make_sharing(strength)(flat, sentences, firsts, numbers)
    occurrences = defaultdict(list)
    for sentence, own, number in zip(sentences, scores, numbers, strict=True):
        for token, of_token in zip(sentence, own, strict=True):
            occurrences[number, token.lower()].append(of_token)
    for sentence, own, number, first in zip(sentences, scores, numbers, firsts, strict=True):
        for place, token in enumerate(sentence):
            mean = np.mean(occurrences[number, token.lower()], axis=0)
            weight = strength / (strength + counts[token])
            expected = own[place] + (weight * (mean - own[place]) if token != "the" else 0)
            np.testing.assert_allclose(flat[first + place], expected, rtol=1e-4, atol=1e-5)


def test_sentences_keep_their_places_in_batches() -> None:
    sentences = [["Xyz", "the"], ["the"], ["xyz"], ["Xyz"]]
    plans = [Plan([[1, 0], [3]], 4), Plan([[2]], 2)]
    arrays = [np.arange(16, dtype=np.float32).reshape(2, 4, 2), 100 + np.arange(4, dtype=np.float32).reshape(1, 2, 2)]
    shared = make_sharing(1.0).across(arrays, plans, sentences, [0, 0, 0, 1])
    mean = (arrays[0][0, 1] + arrays[1][0, 0]) / 2  # of sentences 0 and 2; sentence 3 is of another document
    expected = [array.copy() for array in arrays]
    expected[0][0, 1] = expected[1][0, 0] = mean
    for own, other in zip(shared, expected, strict=True):
        np.testing.assert_allclose(own, other)


def test_words_that_were_forgotten_share_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seqtag.decoding.sharing._MOST", 1)
    sharing = make_sharing(1.0)
    sentences = [["Oslo", "Xyz"], ["Xyz", "oslo"]]
    scores = np.arange(8, dtype=np.float32).reshape(4, 2)
    first, second = scores.copy(), scores.copy()
    sharing(first, sentences, [0, 2], [7, 7])
    sharing(second, sentences, [0, 2], [7, 7])
    assert not np.array_equal(first, scores)
    np.testing.assert_array_equal(first, second)


def test_nothing_is_shared_without_strength_or_by_a_model_of_whole_texts() -> None:
    table = TokenTable(build_vocabulary(COUNTS, ["X"], ModelConfig()), 12)
    assert Sharing.of(table, 0.0) is None
    labelling = TokenTable(build_vocabulary(COUNTS, ["X"], ModelConfig(), (), ["a", "b"]), 12)
    assert Sharing.of(labelling, 1.0) is None


def test_neighbours_of_one_name_are_one_document() -> None:
    assert document_numbers(["a", "a", None, None, "b", "a"]).tolist() == [1, 1, 2, 3, 4, 5]
    assert document_numbers([]).tolist() == []
