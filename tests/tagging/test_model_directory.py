"""What is saved loads as it was; what is damaged or foreign is refused by name."""

import json
from collections import Counter
from pathlib import Path

import jax
import numpy as np
import pytest
from flax import nnx

from seqtag.config import ModelConfig
from seqtag.data.batching import Buckets
from seqtag.errors import InputError
from seqtag.nn.model import TaggingModel
from seqtag.tagging.model_directory import TrainedModel, find_model, load_model, save_model
from seqtag.vocabulary import build_vocabulary


@pytest.fixture
def model() -> TrainedModel:
    config = ModelConfig(
        hidden_size=4, word_dim=3, affix_lengths=[2], word_vectors="/secret/place/v.txt", tune_word_vectors=False
    )
    vocabulary, _ = build_vocabulary(Counter({"a": 2, "\ud800": 1}), ["X"], config, ["a", "é"])
    network = TaggingModel(config, vocabulary, np.array([[1, 2], [3, 4]], np.float32), nnx.Rngs(0))
    graph, params, constants = nnx.split(network, nnx.Param, ...)
    data = {"format": "conll", "path": None, "revision": None, "train": "train"}
    buckets = Buckets((32,), 64, True)
    return TrainedModel("ner", config, vocabulary, buckets, graph, params, constants, data, 2, "a card")


def test_a_model_loads_as_it_was_saved(model: TrainedModel, tmp_path: Path) -> None:
    save_model(model, tmp_path / "model")
    loaded = load_model(find_model(str(tmp_path)))
    assert loaded.vocabulary == model.vocabulary
    assert loaded.buckets == model.buckets
    assert loaded.card == "a card"
    for own, other in ((model.params, loaded.params), (model.constants, loaded.constants)):
        jax.tree.map(np.testing.assert_array_equal, own, other)
    assert loaded.constants
    modes = {path.stat().st_mode for path in (tmp_path / "model").iterdir()}
    assert len(modes) == 1, "one file of the model can be read by fewer people than the others"
    assert "/secret" not in (tmp_path / "model" / "config.json").read_text()
    save_model(model, tmp_path / "model")
    assert {path.name for path in tmp_path.iterdir()} == {"model"}


def damage_json(name: str, **values: object) -> object:
    def damage(path: Path) -> None:
        content = json.loads((path / name).read_text())
        (path / name).write_text(json.dumps(content | values))

    return damage


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: (path / "config.json").unlink(), "holds no seqtag model"),
        (lambda path: (path / "config.json").write_text("{"), "config.json: cannot be read as JSON"),
        (damage_json("config.json", format="other"), "not the description of a seqtag model"),
        (damage_json("config.json", model={"hidden": 3}), "config.json: a setting is missing or has the wrong type"),
        (damage_json("vocabulary.json", words=[1]), "vocabulary.json: words is not a list of strings"),
        (damage_json("vocabulary.json", words=["a", "b", "c", "d"]), "has not the shape"),
        (damage_json("vocabulary.json", extra=[1]), "does not hold the fields"),
        (lambda path: (path / "vocabulary.json").unlink(), "vocabulary.json: cannot be read"),
        (lambda path: (path / "model.safetensors").write_bytes(b"\x80\x04pickle"), "cannot be read as safetensors"),
        (lambda path: (path / "model.safetensors").unlink(), "cannot be read as safetensors"),
    ],
)
def test_what_is_damaged_is_named(model: TrainedModel, tmp_path: Path, damage, message: str) -> None:
    save_model(model, tmp_path / "model")
    damage(tmp_path / "model")
    with pytest.raises(InputError, match=message):
        load_model(find_model(str(tmp_path / "model")))


def test_a_hub_id_that_cannot_be_had_is_named() -> None:
    with pytest.raises(InputError, match="some/model: no such folder, and the Hub gave no model of that id"):
        find_model("some/model")
