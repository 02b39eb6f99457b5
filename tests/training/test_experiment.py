"""What a run is made of."""

import json
from pathlib import Path

import numpy as np
import pytest

from seqtag.config import Config, DataConfig, TrainingConfig
from seqtag.data.reading import read_corpus
from seqtag.training.experiment import build_experiment


@pytest.mark.parametrize("multi_label", [False, True])
def test_balanced_weights_let_all_choices_count_alike(tmp_path: Path, multi_label: bool) -> None:
    """The weights of the texts that make a choice come to as much for each; of all texts, to 1 in the mean."""
    labels = [["x"]] * 6 + [["y"]] * 3 + [["z"]]
    if multi_label:
        labels = [[*own, "everywhere"] for own in labels]
    rows = [{"tokens": ["a"], "label": own if multi_label else own[0]} for own in labels]
    (tmp_path / "train.jsonl").write_text("\n".join(map(json.dumps, rows)))
    data = DataConfig(
        format="jsonl", path=str(tmp_path), train="train.jsonl", validation=None, test=None, multi_label=multi_label
    )
    config = Config(task="classification", data=data, training=TrainingConfig(class_weights="balanced"))
    experiment = build_experiment(config, read_corpus(data))
    absent, present = experiment.class_weights
    having = np.array([sum(name in own for own in labels) for name in experiment.vocabulary.classes])
    if not multi_label:
        np.testing.assert_allclose(present * having, 10 / 3, rtol=1e-6)
        return
    chosen = having < 10
    np.testing.assert_allclose((present * having)[chosen], 5, rtol=1e-6)
    np.testing.assert_allclose((absent * (10 - having))[chosen], 5, rtol=1e-6)
    assert np.isfinite([absent, present]).all()
