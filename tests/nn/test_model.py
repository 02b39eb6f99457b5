"""The whole network: packing, padding and batch size change nothing; what is forbidden is never predicted."""

from collections import Counter
from functools import partial
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from seqtag.batch import Batch
from seqtag.config import ModelConfig
from seqtag.data import batching
from seqtag.data.encoding import TokenTable
from seqtag.nn import lattice
from seqtag.nn.dropout import dropout, keys_of_rows, split_keys, token_dropout
from seqtag.nn.embeddings import CharacterCNN
from seqtag.nn.label_head import LabelObjective
from seqtag.nn.member import DropoutKeys, Lesson, boundaries
from seqtag.nn.model import Network
from seqtag.schemes import repair
from seqtag.vocabulary import build_vocabulary

SENTENCES = [["Ada", "met", "Bo"], ["in", "Rome", "1999", "."], ["x"], ["Bo", "sleeps"]]
TAGS = [[3, 0, 1], [0, 3, 4, 0], [0], [1, 0]]
"""Ids of well-formed taggings in IOB2."""
CLASSES = [[1], [0], None, [2]]


def make_model(
    labels: tuple[str, ...] = ("A", "B"), classes: tuple[str, ...] = (), multi_label: bool = False, **settings: object
) -> tuple[Network, TokenTable]:
    own = {"hidden_size": 6, "word_dim": 5, "dropout": 0.0, "max_word_length": 8, "tag_scheme": "IOB2"}
    config = ModelConfig(**own | settings)
    counts = Counter(token for tokens in SENTENCES for token in tokens)
    vocabulary = build_vocabulary(counts, labels, config, (), classes, multi_label)
    return Network(config, vocabulary, None, nnx.Rngs(3)), TokenTable(vocabulary, config.max_word_length)


def make_batch(rows: list, tags: list | None, table: TokenTable, shape: tuple[int, int], sentences: int = 0) -> Batch:
    gold = None if tags is None else batching.Gold(tags, CLASSES[: len(tags)])
    return jax.tree.map(jnp.asarray, batching.make_batch(rows, gold, table, shape, sentences))


OBJECTIVE = LabelObjective.plain(0)
WORDS_ALONE = {"char_encoder": "none", "affix_dim": 0, "shape_dim": 0}
"""Settings of a network that is quick to compile."""
KINDS = [
    {"encoder": encoder, "head": head, "char_encoder": chars}
    for encoder, head, chars in (("lstm", "crf", "cnn"), ("gru", "softmax", "lstm"), ("rnn", "crf", "none"))
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: "-".join(kind.values()))
def test_packing_and_padding_change_neither_loss_nor_gradient(kind: dict) -> None:
    """Nor what is tagged, for which each distinct token is read once."""
    model, table = make_model(**kind)
    graph, params = nnx.split(model)
    alone = make_batch([[tokens] for tokens in SENTENCES], TAGS, table, (4, 4))
    packed = make_batch([SENTENCES[:3], SENTENCES[3:]], TAGS, table, (5, 11))

    @jax.jit
    @jax.value_and_grad
    def loss(params: nnx.State, batch: Batch) -> jax.Array:
        return nnx.merge(graph, params).losses(batch, OBJECTIVE).tags.sum()

    values, gradients = zip(*(loss(params, batch) for batch in (alone, packed)), strict=True)
    assert 0 < float(values[0]) < np.inf
    assert float(values[0]) == pytest.approx(float(values[1]), rel=1e-5)
    for one, other in zip(jax.tree.leaves(gradients[0]), jax.tree.leaves(gradients[1]), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-5)
    outputs = jax.jit(lambda params, batch: nnx.merge(graph, params).outputs(batch))
    decoded = outputs(params, packed).tagged.tags
    own = outputs(params, alone).tagged.tags
    assert decoded[0, :3].tolist() == own[0, :3].tolist()
    assert decoded[0, 3:7].tolist() == own[1, :4].tolist()
    assert not decoded[1, 2:].any()


@pytest.mark.parametrize("encoder", ["lstm", "gru", "rnn"])
@pytest.mark.parametrize("bidirectional", [True, False])
def test_training_and_tagging_see_the_same_states(encoder: str, bidirectional: bool) -> None:
    model, table = make_model(encoder=encoder, bidirectional=bidirectional, num_layers=2, layer_dropout=0.0)
    batch = make_batch([SENTENCES[:3], SENTENCES[3:]], TAGS, table, (3, 11))
    (_, trained), tagged = model.members[0].hidden_in_training(batch, None, DropoutKeys.of(None)), model.hidden(batch)
    np.testing.assert_allclose(trained[batch.mask], tagged[batch.mask], rtol=1e-5, atol=1e-6)


def test_the_language_model_learns_from_the_first_layer_alone() -> None:
    """Above it, both directions have read the words that are asked for."""
    model, table = make_model(num_layers=2, **WORDS_ALONE)
    own, states = model.members[0], []
    batch = make_batch([SENTENCES[:3], SENTENCES[3:]], TAGS, table, (2, 11))
    own.language_model = SimpleNamespace(loss=lambda hidden, *ids: states.append(hidden) or jnp.zeros(2))
    own.losses(batch, OBJECTIVE, word_ids=batch.token_ids)
    other = own.losses(batch._replace(token_ids=batch.token_ids.at[0, 2].set(1)), OBJECTIVE, word_ids=batch.token_ids)
    assert other.tags[0] != own.losses(batch, OBJECTIVE).tags[0]
    forward = [np.asarray(found[0, :, :6]) for found in states]
    np.testing.assert_array_equal(forward[0][:2], forward[1][:2])
    assert (forward[0][2] != forward[1][2]).any()
    backward = [np.asarray(found[0, :, 6:]) for found in states]
    assert (backward[0][:2] != backward[1][:2]).any()


@pytest.mark.parametrize("scheme", ["IOB2", "BIOES"])
@pytest.mark.parametrize("head", ["crf", "softmax"])
def test_only_well_formed_taggings_are_predicted(head: str, scheme: str) -> None:
    model, _ = make_model(head=head, tag_scheme=scheme)
    emissions = 5 * jax.random.normal(jax.random.key(1), (200, 6, len(model.members[0].head.tags)))
    mask = jnp.ones((200, 6), bool)
    starts = jnp.broadcast_to(jnp.arange(6) == 0, mask.shape)
    for path in np.asarray(model.tag(emissions, mask, starts).tags):
        tags = [model.members[0].head.tags[tag] for tag in path]
        assert repair(tags, scheme)[0] == tags
    unconstrained = np.asarray(emissions.argmax(-1))
    assert any(
        repair(tags := [model.members[0].head.tags[tag] for tag in path], scheme)[0] != tags for path in unconstrained
    )


def test_softmax_loss_is_the_sum_of_log_probabilities() -> None:
    model, table = make_model(head="softmax")
    batch = make_batch([[SENTENCES[0]]], [TAGS[0]], table, (1, 4))
    probabilities = np.exp(np.asarray(model.emissions(batch)))[0]
    expected = -np.log([probabilities[position, tag] for position, tag in enumerate(TAGS[0])]).sum()
    assert float(model.losses(batch, OBJECTIVE).tags[0]) == pytest.approx(expected, rel=1e-5)
    np.testing.assert_allclose(probabilities.sum(-1), 1.0, rtol=1e-5)


def test_character_features_ignore_padding_and_see_order() -> None:
    encoder = CharacterCNN(num_chars=9, char_dim=4, features=6, kernel_size=3, rngs=nnx.Rngs(0))
    words = jnp.array([[2, 3, 4, 0, 0, 0], [4, 3, 2, 0, 0, 0]])
    np.testing.assert_allclose(encoder(words), encoder(words[:, :3]), rtol=1e-6)
    assert not np.allclose(encoder(words)[0], encoder(words)[1])


def test_character_convolution_is_that_of_lax() -> None:
    encoder = CharacterCNN(num_chars=9, char_dim=4, features=6, kernel_size=3, rngs=nnx.Rngs(0))
    words = jax.random.randint(jax.random.key(0), (5, 7), 2, 9)
    embedded = encoder.embedding(words)
    kernel = encoder.filters.kernel[...].reshape(3, 4, 6)
    convolved = jax.lax.conv_general_dilated(embedded, kernel, (1,), "SAME", dimension_numbers=("NWC", "WIO", "NWC"))
    np.testing.assert_allclose(encoder(words), (convolved + encoder.filters.bias[...]).max(1), rtol=1e-5, atol=1e-6)


def test_word_dropout_takes_words_for_unknown_ones_at_their_rate() -> None:
    model, table = make_model(char_encoder="none", affix_dim=0, shape_dim=0)
    batch = make_batch([[["Ada"]]] * 4000, None, table, (4000, 1))
    rates = jnp.zeros(len(batch.tokens.word_ids)).at[batch.token_ids[0, 0]].set(0.3)
    unknown = model.members[0].embeddings.words.table[...][1]
    embedded = model.members[0].embeddings(batch, rates, jax.random.split(jax.random.key(0), 4000))
    share = float((embedded[:, 0] == unknown).all(-1).mean())
    assert share == pytest.approx(0.3, abs=0.03)
    assert not (model.members[0].embeddings(batch, rates, None)[:, 0] == unknown).all(-1).any()


def test_dropout_keeps_the_mean_and_locks_when_asked() -> None:
    ones = jnp.ones((50, 40, 30))
    keys = jax.random.split(jax.random.key(0), 50)
    for dropped in (dropout(ones, 0.25, keys), dropout(ones, 0.25, keys, locked=True), token_dropout(ones, 0.25, keys)):
        assert float(dropped.mean()) == pytest.approx(1.0, abs=0.05)
        assert np.unique(np.asarray(dropped)).tolist() == pytest.approx([0.0, 4 / 3])
    half = dropout(ones, 0.5, keys)
    assert float(half.mean()) == pytest.approx(1.0, abs=0.02)
    assert np.unique(np.asarray(half)).tolist() == [0.0, 2.0]
    assert float(jnp.abs(half.mean(0) - 1.0).max()) < 0.8, "no place is favoured"
    locked = dropout(ones, 0.25, keys, locked=True)
    assert (locked == locked[:, :1]).all()
    whole = token_dropout(ones, 0.25, keys)
    assert (whole == whole[:, :, :1]).all()
    assert dropout(ones, 0.25, None) is ones


@pytest.mark.parametrize(("rate", "locked"), [(0.5, False), (0.3, False), (0.5, True)])
def test_what_a_row_drops_does_not_depend_on_the_rows_beside_it(rate: float, locked: bool) -> None:
    ones = jnp.ones((6, 5, 37))
    keys = keys_of_rows(jax.random.key(0), jnp.arange(6))
    for drop in (partial(dropout, locked=locked), token_dropout):
        whole, part = drop(ones, rate, keys), drop(ones[2:4], rate, keys_of_rows(jax.random.key(0), jnp.array([2, 3])))
        np.testing.assert_array_equal(whole[2:4], part)
        assert not (whole[0] == whole[1]).all()


def test_an_ensemble_is_the_mean_of_its_members() -> None:
    model, table = make_model(members=2, classes=("x", "y", "z"), **WORDS_ALONE)
    batch = make_batch([SENTENCES[:3], SENTENCES[3:]], TAGS, table, (2, 11), 3)
    alone = [member.head.emissions(member.hidden(batch)) for member in model.members]
    assert not np.allclose(alone[0], alone[1]), "members begin from weights of their own"
    np.testing.assert_allclose(model.emissions(batch), np.mean(alone, axis=0), rtol=1e-5, atol=1e-6)
    for number, member in enumerate(model.members):
        member.head.transitions[...] += number * jax.random.normal(
            jax.random.key(number), member.head.transitions.shape
        )
    own = [np.asarray(member.head.potentials().transitions) for member in model.members]
    np.testing.assert_allclose(model.potentials().transitions, np.mean(own, axis=0), rtol=1e-5)
    scores, attention = zip(
        *(member.labels(member.hidden(batch), batch.sentence_ids, 3) for member in model.members), strict=True
    )
    outputs = model.outputs(batch)
    real = np.array([[True] * 3, [True, False, False]])
    np.testing.assert_allclose(np.exp(outputs.label_scores)[real], np.mean(np.exp(scores), axis=0)[real], rtol=1e-5)
    np.testing.assert_allclose(outputs.attention, np.mean(attention, axis=0), rtol=1e-5)


def test_members_of_an_ensemble_learn_each_by_itself() -> None:
    model, table = make_model(members=2, dropout=0.5, **WORDS_ALONE)
    graph, params = nnx.split(model)
    batch = make_batch([SENTENCES[:3], SENTENCES[3:]], TAGS, table, (2, 11))
    keys = jax.random.split(jax.random.key(5), 2)
    of_members = split_keys(keys, 2)

    @jax.jit
    @jax.value_and_grad
    def together(params: nnx.State) -> jax.Array:
        return nnx.merge(graph, params).losses(batch, OBJECTIVE, None, keys).tags.sum()

    @partial(jax.jit, static_argnums=1)
    @jax.value_and_grad
    def alone(params: nnx.State, number: int) -> jax.Array:
        return nnx.merge(graph, params).members[number].losses(batch, OBJECTIVE, None, of_members[number]).tags.sum()

    loss, gradients = together(params)
    losses, apart = zip(*(alone(params, number) for number in (0, 1)), strict=True)
    assert float(loss) == pytest.approx(float(sum(losses)), rel=1e-5)
    assert float(losses[0]) != pytest.approx(float(losses[1]), rel=1e-3)
    for number in (0, 1):
        for own, other in zip(
            jax.tree.leaves(gradients["members"][number]),
            jax.tree.leaves(apart[number]["members"][number]),
            strict=True,
        ):
            np.testing.assert_allclose(own, other, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("multi_label", [False, True])
def test_a_network_has_nothing_to_learn_from_itself(multi_label: bool) -> None:
    model, table = make_model(classes=("x", "y", "z"), multi_label=multi_label, **WORDS_ALONE)
    graph, params = nnx.split(model)
    batch = make_batch([SENTENCES[:3], SENTENCES[3:]], TAGS, table, (2, 11), 3)
    # However gold labels are learned, a teacher's probabilities are learned as they are.
    objective = LabelObjective(0.2, jnp.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]))
    other, _ = make_model(classes=("x", "y", "z"), multi_label=multi_label, **WORDS_ALONE | {"encoder": "rnn"})

    @jax.jit
    @jax.grad
    def gradients(params: nnx.State, lesson: Lesson) -> jax.Array:
        losses = nnx.merge(graph, params).losses(batch, objective, lesson=lesson)
        return losses.tags.sum() + losses.labels.sum()

    for gradient in jax.tree.leaves(gradients(params, model.lesson(batch, 1.0))):
        np.testing.assert_allclose(gradient, 0.0, atol=2e-5)
    changed = gradients(params, other.lesson(batch, 1.0))
    assert max(float(jnp.abs(gradient).max()) for gradient in jax.tree.leaves(changed)) > 1e-2


def test_a_softmax_student_learns_the_teachers_marginals() -> None:
    teacher, table = make_model(head="crf", **WORDS_ALONE)
    student, _ = make_model(head="softmax", **WORDS_ALONE)
    batch = make_batch([SENTENCES[:3], SENTENCES[3:]], TAGS, table, (2, 11))
    lesson = teacher.lesson(batch, 0.25)
    marginals = lattice.posterior(*lesson.tags, batch.mask, boundaries(batch.sentence_ids).starts).marginals
    np.testing.assert_allclose(marginals[batch.mask].sum(-1), 1.0, rtol=1e-5)
    expected = -(marginals * jax.nn.log_softmax(student.emissions(batch))).sum((1, 2))
    gold = student.losses(batch, OBJECTIVE).tags
    mixed = student.losses(batch, OBJECTIVE, lesson=lesson).tags
    np.testing.assert_allclose(mixed, 0.75 * gold + 0.25 * expected, rtol=1e-5)
