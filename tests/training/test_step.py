"""One update: that of the whole batch, however it is divided."""

import json
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from seqtag.config import Config, DataConfig, ModelConfig, TrainingConfig
from seqtag.data.reading import read_corpus
from seqtag.nn.devices import Devices
from seqtag.training.experiment import Experiment, build_experiment
from seqtag.training.state import initial_state
from seqtag.training.step import Step

MODEL = {"word_dim": 12, "char_dim": 5, "char_features": 6, "hidden_size": 16, "word_dropout": 0.5}
KINDS = {
    "dense": {},
    "lazy": {"training": {"lazy_embeddings": True, "ema_decay": 0.9}},
    "joint": {"task": "joint", "training": {"schedule": "plateau"}},
    "ensemble": {"model": {"members": 2, "locked_dropout": True}, "training": {"language_model_weight": 0.1}},
}


def name(number: int) -> str:
    """Of letters alone: digits are all one to the vocabulary."""
    return "".join("abcdefghij"[int(digit)] for digit in str(number))


@pytest.fixture
def corpus(tmp_path: Path) -> Any:
    sentences = [
        {
            "tokens": [name(row), "saw", name(row + 60), name(row % 5)],
            "tags": ["B-PER", "O", "B-LOC", "O"],
            "label": "ab"[row % 2],
        }
        for row in range(60)
    ]
    (tmp_path / "train.jsonl").write_text("\n".join(map(json.dumps, sentences)))
    data = DataConfig(format="jsonl", path=str(tmp_path), train="train.jsonl", validation="train.jsonl", test=None)
    return data, read_corpus(data)


def updated(experiment: Experiment, parts: int, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, list[float]]:
    """The state after two updates by batches of so many parts, and the losses."""
    monkeypatch.setattr(Devices, "programs_at_once", property(lambda devices: parts))
    step = Step(experiment)
    state = initial_state(experiment.params, experiment.optimizer, experiment.config.training)
    losses = []
    for plan in experiment.plan(0)[:2]:
        work = experiment.prepare(plan)
        assert len(work.batches) == parts
        assert (work.lookups is not None) == experiment.config.training.lazy_embeddings
        assert work.lookups is None or "words" in work.lookups.tables, "more words than a batch has ids"
        assert work.tokens == sum(experiment.splits["train"].lengths[plan.sentences])
        state, loss = step(state, work)
        losses.append(float(loss))
    return state, losses


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_in_parts_is_updated_by_as_the_whole(kind: str, corpus: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    data, read = corpus
    own = KINDS[kind]
    config = Config(
        task=own.get("task", "ner"),
        data=data,
        model=ModelConfig(**{**MODEL, **own.get("model", {})}),
        training=TrainingConfig(epochs=1, batch_tokens=96, **own.get("training", {})),
    )
    experiment = build_experiment(config, read)
    whole, losses = updated(experiment, 1, monkeypatch)
    for parts in (2, 3) if kind == "lazy" else (3,):
        divided, own_losses = updated(experiment, parts, monkeypatch)
        assert own_losses == pytest.approx(losses, rel=1e-5)
        # Adam's moments are sums of gradients; its updates, of up to 0.002, may be made of rounding where those are
        # next to nothing.
        for own, of_whole, least in (
            (divided.optimizer, whole.optimizer, 1e-6),
            ((divided.params, divided.average), (whole.params, whole.average), 1e-4),
        ):
            for one, other in zip(jax.tree.leaves(own), jax.tree.leaves(of_whole), strict=True):
                np.testing.assert_allclose(one, other, rtol=2e-3, atol=least)
        assert int(divided.step) == int(whole.step) == 2
