"""Batches hold every token of every sentence once, in few shapes."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqtag.batch import UNKNOWN, Batch
from seqtag.config import ModelConfig
from seqtag.data.batching import Buckets, Gold, choose_buckets, make_batch, plan_batches, sentences_of
from seqtag.data.encoding import TokenTable
from seqtag.vocabulary import build_vocabulary

LENGTHS = st.lists(st.integers(1, 150), min_size=1, max_size=60).map(np.array)


@given(LENGTHS, st.booleans(), st.integers(1, 8), st.integers(0, 3))
def test_every_sentence_is_in_one_batch_and_fits(
    lengths: np.ndarray, packed: bool, max_buckets: int, seed: int
) -> None:
    buckets = choose_buckets(lengths, max_buckets, 256, packed)
    assert len(buckets.lengths) <= max_buckets
    plans = plan_batches(lengths, buckets, np.random.default_rng(seed))
    assert sorted(sentence for plan in plans for sentence in plan.sentences) == list(range(len(lengths)))
    for plan in plans:
        assert plan.length in buckets.lengths
        assert len(plan.rows) <= buckets.rows(plan.length)
        for row in plan.rows:
            assert lengths[row].sum() <= plan.length
            assert packed or len(row) == 1


def test_sentences_longer_than_training_had_get_buckets_of_their_own() -> None:
    buckets = Buckets((32, 64), 512, packed=True)
    plans = plan_batches(np.array([3, 300]), buckets)
    assert [plan.length for plan in plans] == [512]
    assert sorted(sentence for plan in plans for sentence in plan.sentences) == [0, 1]


@pytest.mark.parametrize(
    ("longest", "least_rows", "expected"),
    [(20, 4, (32,)), (60, 4, (64,)), (110, 4, (128,)), (500, 4, (128, 256, 512)), (110, 16, (32, 64, 128))],
)
def test_rows_are_long_where_enough_of_them_remain(longest: int, least_rows: int, expected: tuple[int, ...]) -> None:
    """So that a corpus needs few shapes."""
    assert choose_buckets(np.array([3, longest]), 6, 512, True, least_rows).lengths == expected


def test_packing_leaves_few_empty_slots() -> None:
    lengths = np.random.default_rng(0).gamma(2.0, 8.0, 5000).astype(int) + 1
    waste = {}
    for packed in (True, False):
        buckets = choose_buckets(lengths, 6, 512, packed)
        plans = plan_batches(lengths, buckets, np.random.default_rng(0))
        waste[packed] = sum(buckets.rows(plan.length) * plan.length for plan in plans) / lengths.sum() - 1
    assert waste[True] < 0.03 < waste[False]


def test_the_order_of_an_epoch_is_that_of_its_seed() -> None:
    lengths = np.random.default_rng(0).integers(1, 40, 200)
    buckets = choose_buckets(lengths, 4, 128, True)

    def plan(seed: int) -> list[list[int]]:
        return [plan.sentences for plan in plan_batches(lengths, buckets, np.random.default_rng([1, seed]))]

    assert plan(0) == plan(0)
    assert plan(0) != plan(1)


@given(st.lists(st.lists(st.sampled_from(["a", "bb", "Ccc", "d9"]), min_size=1, max_size=9), min_size=1, max_size=20))
def test_what_is_computed_per_token_returns_to_its_sentence(sentences: list[list[str]]) -> None:
    table = make_table()
    lengths = np.array([len(tokens) for tokens in sentences])
    buckets = choose_buckets(lengths, 2, 24, True)
    plans = plan_batches(lengths, buckets, np.random.default_rng(1))
    batches = [
        make_batch(
            list(sentences_of(plan, [sentences[position] for position in plan.sentences])),
            Gold([lengths[position] * [position] for position in plan.sentences], [None] * len(plan.sentences)),
            table,
            (buckets.rows(plan.length), plan.length),
        )
        for plan in plans
    ]
    known = {"a": 2, "bb": 3, "Ccc": 1, "d9": 1}
    for plan, batch in zip(plans, batches, strict=True):
        for index, row in enumerate(plan.rows):
            words = [known[token] for sentence in row for token in sentences[sentence]]
            assert word_ids(batch)[index].tolist() == words + [0] * (plan.length - len(words))
    assert sum(int(batch.mask.sum()) for batch in batches) == lengths.sum()


def test_what_was_read_before_changes_nothing() -> None:
    rows = [[["a", "zzz", "bb"], ["a"]], [["q", "bb"]]]
    fresh, used = make_table(), make_table()
    used.rows(["bb", "q", "other", "a"])
    for own, other in zip(*(make_batch(rows, None, table, (2, 5)) for table in (fresh, used)), strict=True):
        for one, same in zip(own, other, strict=True):
            np.testing.assert_array_equal(one, same)


def word_ids(batch: Batch) -> np.ndarray:
    return batch.tokens.word_ids[batch.token_ids]


def make_table(max_distinct: int = 100) -> TokenTable:
    vocabulary = build_vocabulary(Counter({"a": 3, "bb": 2}), ["X"], ModelConfig())
    return TokenTable(vocabulary, max_word_length=6, max_distinct=max_distinct)


def test_a_row_tells_its_sentences_apart() -> None:
    batch = make_batch([[["a", "bb"], ["a"]], [["zzz"]]], Gold([[1, 2], [3], [4]], [None] * 3), make_table(), (3, 4))
    assert batch.sentence_ids.tolist() == [[1, 1, 2, 0], [1, 0, 0, 0], [0, 0, 0, 0]]
    assert batch.tags.tolist() == [[1, 2, 3, 0], [4, 0, 0, 0], [0, 0, 0, 0]]
    assert word_ids(batch).tolist() == [[2, 3, 2, 0], [1, 0, 0, 0], [0, 0, 0, 0]]


@given(st.lists(st.text("abcdefghij", min_size=1, max_size=2), min_size=1, max_size=40), st.booleans())
def test_each_distinct_token_is_there_once(tokens: list[str], two_sizes: bool) -> None:
    batch = make_batch([[tokens]], None, make_table(1000), (1, 40), two_sizes=two_sizes)
    ids = batch.token_ids[0, : len(tokens)].tolist()
    assert len(set(ids)) == len(set(tokens)) == len(set(zip(tokens, ids, strict=True)))
    assert min(ids) >= 2, "padding and the unknown word come first"
    assert not batch.token_ids[0, len(tokens) :].any()
    assert batch.tokens.word_ids[:2].tolist() == [0, 1]
    assert len(batch.tokens.word_ids) == (20 if two_sizes and len(set(tokens)) <= 18 else 42)


def test_long_words_show_both_ends_to_the_character_encoder() -> None:
    table = make_table()
    rows = np.array(table.rows(["aaabbbbb", "aaabbb", "aaaXbbb"]))
    chars = table.features(rows)[-1]
    assert chars.tolist()[0] == chars.tolist()[1] == chars.tolist()[2]


@pytest.mark.parametrize("max_distinct", [1, 2, 100])
def test_a_full_table_starts_anew_with_the_same_ids(max_distinct: int) -> None:
    table = make_table(max_distinct)
    for tokens in (["a", "bb"], ["x1", "bb", "a"], ["a"]):
        features = table.features(np.array(table.rows(tokens)))
        assert features[0].tolist() == [{"a": 2, "bb": 3}.get(token, 1) for token in tokens]


@pytest.mark.parametrize("fold_case", [True, False])
def test_what_is_unknown_is_looked_up_without_its_case(fold_case: bool) -> None:
    counts = Counter({"Japan": 2, "japan": 5, "JAPS": 3, "the": 9})
    config = ModelConfig(affix_lengths=[3], fold_case=fold_case)
    vocabulary = build_vocabulary(counts, ["X"], config)
    table = TokenTable(vocabulary, 12)

    def ids(token: str) -> tuple[int, list[int]]:
        words, _, _, affixes, _ = table.features(np.array(table.rows([token])))
        return int(words[0]), affixes[0].tolist()

    known = {token: ids(token) for token in counts}
    assert len({words for words, _ in known.values()}) == len(counts), "each form that is known has an id of its own"
    words, (prefix, suffix) = ids("JAPAN")
    unknown, (_, unknown_suffix) = ids("other")
    assert words == (known["japan"][0] if fold_case else unknown)
    assert suffix == (known["japan"][1][1] if fold_case else unknown_suffix)
    assert prefix == known["JAPS"][1][0], "its own prefix is known"
    assert ids("THE")[0] == (known["the"][0] if fold_case else UNKNOWN)
    assert unknown == UNKNOWN
