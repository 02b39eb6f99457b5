"""What is saved loads as it was; what is damaged or foreign is refused by name."""

import dataclasses
import json
import types
from collections import Counter
from pathlib import Path

import jax
import numpy as np
import pytest
from flax import nnx

from seqtag.config import ModelConfig
from seqtag.data.batching import Buckets
from seqtag.errors import InputError
from seqtag.nn.model import Network
from seqtag.tagging.model_directory import TrainedModel, find_model, load_model, push_model, save_model
from seqtag.vocabulary import build_vocabulary


@pytest.fixture
def model() -> TrainedModel:
    config = ModelConfig(
        hidden_size=4, word_dim=3, affix_lengths=[2], word_vectors="/secret/place/v.txt", tune_word_vectors=False
    )
    vocabulary = build_vocabulary(Counter({"a": 2, "\ud800": 1}), ["X"], config, ["a", "é"])
    network = Network(config, vocabulary, np.array([[1, 2], [3, 4]], np.float32), nnx.Rngs(0))
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


def test_a_model_of_another_backend_loads_where_that_cannot_run(model: TrainedModel, tmp_path: Path) -> None:
    save_model(
        dataclasses.replace(model, config=dataclasses.replace(model.config, backend="pallas")), tmp_path / "model"
    )
    loaded = load_model(tmp_path / "model")
    assert nnx.merge(loaded.graph, loaded.params, loaded.constants).members[0].encoder.layers[0].backend == "scan"


def damage_json(name: str, **values: object) -> object:
    def damage(path: Path) -> None:
        content = json.loads((path / name).read_text())
        (path / name).write_text(json.dumps(content | values))

    return damage


def damage_setting(**values: object) -> object:
    def damage(path: Path) -> None:
        content = json.loads((path / "config.json").read_text())
        content["model"] |= values
        (path / "config.json").write_text(json.dumps(content))

    return damage


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: (path / "config.json").unlink(), "holds no seqtag model"),
        (lambda path: (path / "config.json").write_text("{"), "config.json: cannot be read as JSON"),
        (damage_json("config.json", format="other"), "not the description of a seqtag model"),
        (damage_json("config.json", format_version=99), "not a model of this version of seqtag"),
        (damage_json("config.json", tokenizer="other"), "tokenizer is 'other'; this version has only 'treebank-1'"),
        (damage_json("config.json", model={"hidden": 3}), "config.json: a setting is missing or has the wrong type"),
        (damage_json("config.json", model={}), "config.json: a setting is missing or has the wrong type"),
        (damage_setting(hidden_size="4"), "config.json: hidden_size cannot be '4'"),
        (damage_setting(encoder="os.system"), "config.json: encoder cannot be 'os.system'"),
        (damage_setting(affix_lengths=[2, "x"]), "config.json: affix_lengths cannot be"),
        (damage_setting(dropout=7.0), "config.json: model.dropout must be at least 0"),
        (damage_setting(hidden_size=10**12), "config.json: a size is greater than"),
        (damage_setting(num_layers=10**6), "does not hold the weights that config.json describes"),
        (damage_json("config.json", vector_features=10**12), "config.json: a setting is missing or has the wrong type"),
        (
            damage_json("config.json", buckets={"lengths": [0], "batch_tokens": 1, "packed": True, "least": 1}),
            "buckets hold 0",
        ),
        (
            damage_json("config.json", buckets={"lengths": [], "batch_tokens": 1, "packed": True, "least": 1}),
            "buckets have no lengths",
        ),
        (
            damage_json("config.json", buckets={"lengths": [9], "batch_tokens": 9, "packed": "no", "least": 1}),
            "packed is 'no'",
        ),
        (damage_json("config.json", data={"x": 1}), "config.json: a setting is missing or has the wrong type"),
        (damage_json("config.json", data={"format": 3}), "config.json: format cannot be 3"),
        (lambda path: (path / "config.json").write_text("[" * 100_000), "config.json: cannot be read as JSON"),
        (damage_setting(affix_lengths=[2, 1]), "its affix_lengths are not those of config.json"),
        (damage_json("vocabulary.json", tags=["O", "B-X", "I-X"]), "its tags are not those of BIOES"),
        (damage_json("vocabulary.json", words=[1]), "vocabulary.json: words is not a list of strings"),
        (damage_json("vocabulary.json", words=["a", "b", "c", "d"]), "vocabulary.json: counts does not hold a number"),
        (damage_json("vocabulary.json", words=["a", "b", "c", "d"], counts=[1, 1, 1, 1]), "has not the shape"),
        (damage_json("vocabulary.json", fold_case="no"), "vocabulary.json: fold_case is neither true nor false"),
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


def test_a_model_is_found_in_the_cache_of_the_hub(
    model: TrainedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Laid out as huggingface_hub lays it out: snapshots by commit, and files that say which commit a name means."""
    repository = tmp_path / "models--some--model"
    for commit in ("1" * 40, "2" * 40):
        save_model(dataclasses.replace(model, card=commit), repository / "snapshots" / commit)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("1" * 40)
    (repository / "refs" / "v2").write_text("2" * 40)
    (repository / "snapshots" / ("3" * 40)).mkdir()
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub._snapshot_download.constants.HF_HUB_OFFLINE", True)
    assert load_model(find_model("some/model")).card == "1" * 40
    assert load_model(find_model("some/model", "v2")).card == "2" * 40
    assert load_model(find_model("some/model", "2" * 40)).card == "2" * 40
    with pytest.raises(InputError, match=r"at revision 3+ holds no seqtag model"):
        find_model("some/model", "3" * 40)
    with pytest.raises(InputError, match="gave no model of that id at revision v9"):
        find_model("some/model", "v9")


def test_a_folder_has_no_revision(model: TrainedModel, tmp_path: Path) -> None:
    save_model(model, tmp_path / "model")
    with pytest.raises(InputError, match="is a folder, which has no revision v1"):
        find_model(str(tmp_path), "v1")


def test_a_model_is_pushed_with_all_its_files(model: TrainedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[object] = []

    class Api:
        def create_repo(self, repo_id: str, **settings: object) -> object:
            calls.append((repo_id, settings))
            return types.SimpleNamespace(repo_id=f"me/{repo_id}")

        def upload_folder(self, repo_id: str, folder_path: Path, **settings: object) -> object:
            calls.append((repo_id, sorted(path.name for path in folder_path.iterdir()), settings["revision"]))
            assert load_model(folder_path).vocabulary == model.vocabulary
            return types.SimpleNamespace(commit_url="https://hub/commit/1")

    monkeypatch.setattr("huggingface_hub.HfApi", Api)
    assert push_model(model, "tiny", True, "v1") == "https://hub/commit/1"
    assert calls == [
        ("tiny", {"private": True, "exist_ok": True}),
        ("me/tiny", ["README.md", "config.json", "model.safetensors", "vocabulary.json"], "v1"),
    ]


def test_a_push_that_the_hub_refuses_is_one_sentence(model: TrainedModel) -> None:
    with pytest.raises(InputError, match="some/model: the Hub did not take the model"):
        push_model(model, "some/model", None, None)
