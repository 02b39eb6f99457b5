"""Pooling is per sentence whatever shares the row; losses are those of the formulas."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from nn.test_model import SENTENCES, TAGS, make_batch, make_model

from seqtag.nn.label_head import LabelHead, LabelObjective

POOLINGS = ["attention", "max", "mean", "last"]
LENGTHS = [[3, 1, 2], [4]]
IDS = jnp.array([[1, 1, 1, 2, 3, 3, 0], [1, 1, 1, 1, 0, 0, 0]])
HIDDEN = jax.random.normal(jax.random.key(0), (2, 7, 6))


def make_head(pooling: str, directions: int = 2, multi_label: bool = False) -> LabelHead:
    return LabelHead(pooling, 6, directions, 3, multi_label, nnx.Rngs(1))


@pytest.mark.parametrize("directions", [1, 2])
@pytest.mark.parametrize("pooling", POOLINGS)
def test_a_vector_is_pooled_from_its_own_sentence(pooling: str, directions: int) -> None:
    head = make_head(pooling, directions)
    pooled, weights = head.pool(HIDDEN, IDS, 4)
    assert pooled.shape == (2, 4, 6)
    for row, lengths in enumerate(LENGTHS):
        first = 0
        for number, length in enumerate(lengths):
            own = HIDDEN[row, first : first + length]
            if pooling == "attention":
                scores = np.asarray(jnp.tanh(head.key(own)) @ head.query[...], np.float64)
                expected_weights = np.exp(scores) / np.exp(scores).sum()
                np.testing.assert_allclose(weights[row, first : first + length], expected_weights, rtol=1e-5)
                expected = expected_weights @ own
            elif pooling == "last":
                expected = own[-1] if directions == 1 else jnp.concatenate([own[-1, :3], own[0, 3:]])
            else:
                expected = own.max(0) if pooling == "max" else own.mean(0)
            np.testing.assert_allclose(pooled[row, number], expected, rtol=1e-4, atol=1e-6)
            first += length
        assert not pooled[row, len(lengths) :].any()
    assert (weights is None) == (pooling != "attention")
    if weights is not None:
        assert not weights[IDS == 0].any()


@pytest.mark.parametrize(
    ("pooling", "labels"), [("attention", ("A", "B")), *((pooling, ()) for pooling in POOLINGS)], ids=str
)
def test_packing_and_padding_change_neither_loss_nor_gradient(pooling: str, labels: tuple[str, ...]) -> None:
    model, table = make_model(labels, ("x", "y", "z"), pooling=pooling, char_encoder="none")
    graph, params = nnx.split(model)
    alone = make_batch([[tokens] for tokens in SENTENCES], TAGS, table, (4, 4), 1)
    packed = make_batch([SENTENCES[:3], SENTENCES[3:]], TAGS, table, (5, 11), 5)
    objective = LabelObjective(0.1, jnp.array([[1.0, 1.0, 1.0], [1.0, 2.0, 0.5]]))

    @jax.jit
    @jax.value_and_grad
    def loss(params: nnx.State, batch) -> jax.Array:
        losses = nnx.merge(graph, params).losses(batch, objective)
        return losses.labels.sum() + losses.tags.sum()

    values, gradients = zip(*(loss(params, batch) for batch in (alone, packed)), strict=True)
    assert float(values[0]) == pytest.approx(float(values[1]), rel=1e-5)
    for one, other in zip(jax.tree.leaves(gradients[0]), jax.tree.leaves(gradients[1]), strict=True):
        assert jnp.isfinite(one).all()
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-5)
    outputs = jax.jit(lambda params, batch: nnx.merge(graph, params).outputs(batch))
    own, other = outputs(params, alone).label_scores[:, 0], outputs(params, packed).label_scores
    np.testing.assert_allclose(jnp.concatenate([other[0, :3], other[1, :1]]), own, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(jnp.exp(own).sum(-1), 1.0, rtol=1e-5)


def test_the_loss_is_cross_entropy_smoothed_and_weighted() -> None:
    head = make_head("mean")
    pooled, targets = HIDDEN[:, :3], jnp.eye(3)[jnp.array([[0, 1, 2], [2, 2, 1]])]
    labelled = jnp.array([[True, True, False], [True, True, True]])
    weights = jnp.array([1.0, 2.0, 0.5])
    log_probabilities = np.asarray(head.log_probabilities(pooled))
    found = head.loss(pooled, targets, labelled, LabelObjective(0.3, jnp.stack([jnp.full(3, 9.0), weights])))
    for row in range(2):
        for number in range(3):
            gold = int(targets[row, number].argmax())
            smoothed = 0.7 * log_probabilities[row, number, gold] + 0.1 * log_probabilities[row, number].sum()
            expected = -float(weights[gold]) * smoothed if labelled[row, number] else 0.0
            assert float(found[row, number]) == pytest.approx(expected, rel=1e-5)


def test_of_several_labels_each_is_a_decision_of_its_own() -> None:
    head = make_head("mean", multi_label=True)
    pooled, targets = HIDDEN[:, :2], jnp.array([[[1, 0, 1], [0, 0, 0]], [[1, 1, 1], [0, 1, 0]]], jnp.float32)
    labelled = jnp.ones((2, 2), bool)
    probabilities = np.exp(np.asarray(head.log_probabilities(pooled), np.float64))
    assert not np.allclose(probabilities.sum(-1), 1.0)
    found = head.loss(pooled, targets, labelled, LabelObjective.plain(3))
    expected = -np.where(targets > 0, np.log(probabilities), np.log1p(-probabilities)).sum(-1)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    weights = jnp.array([[2.0, 1.0, 1.0], [3.0, 1.0, 1.0]])
    weighted = head.loss(pooled, targets, labelled, LabelObjective(0.0, weights))
    of_first, has_first = probabilities[..., 0], np.asarray(targets[..., 0]) > 0
    more = -np.where(has_first, 2 * np.log(of_first), np.log1p(-of_first))
    np.testing.assert_allclose(weighted - found, more, rtol=1e-4, atol=1e-5)
