"""Search spaces: what a file may hold, and the one sentence about what it may not."""

import dataclasses
from pathlib import Path

import pytest

from seqtag.config import Config, ModelConfig
from seqtag.errors import InputError
from seqtag.training.search_directory import SearchDirectory
from seqtag.training.search_space import Choices, Range, configured, read_space

SPACE = """
model:
  dropout: {low: 0.2, high: 0.7}
  hidden_size: {low: 100, high: 300, step: 50}
  char_encoder: {choices: [cnn, none]}
  affix_lengths: {choices: [[2], [1, 2, 3], []]}
training.learning_rate: {low: 5.0e-4, high: 1, log: true}
training.clip_norm: {choices: [null, 1, 5.5]}
model.lowercase: {choices: [true, false]}
training.warmup_steps: {low: 0, high: 100}
training.early_stopping: {low: 2, high: 64, log: true}
"""


def read(text: str, folder: Path, config: Config | None = None) -> dict:
    file = folder / "space.yaml"
    file.write_text(text)
    return read_space(file, config or Config())


def test_values_have_the_types_of_their_settings(tmp_path: Path) -> None:
    found = read(SPACE, tmp_path)
    assert found == {
        "model.dropout": Range(0.2, 0.7),
        "model.hidden_size": Range(100, 300, step=50),
        "model.char_encoder": Choices(("cnn", "none")),
        "model.affix_lengths": Choices(([2], [1, 2, 3], [])),
        "training.learning_rate": Range(5e-4, 1.0, log=True),
        "training.clip_norm": Choices((None, 1.0, 5.5)),
        "model.lowercase": Choices((True, False)),
        "training.warmup_steps": Range(0, 100),
        "training.early_stopping": Range(2, 64, log=True),
    }
    kinds = {name: type(values.low) for name, values in found.items() if isinstance(values, Range)}
    assert kinds["training.learning_rate"] is float
    assert kinds["model.hidden_size"] is int


def test_a_written_space_reads_back_the_same(tmp_path: Path) -> None:
    found = read(SPACE, tmp_path)
    folder = SearchDirectory(tmp_path / "search")
    folder.begin(Config(), found)
    again = read_space(folder.space, Config())
    assert again == found
    assert list(again) == list(found)


def test_settings_go_where_they_belong() -> None:
    found = configured(Config(), {"model.dropout": 0.1, "training.learning_rate": 0.5})
    assert found == dataclasses.replace(
        Config(),
        model=ModelConfig(dropout=0.1),
        training=dataclasses.replace(Config().training, learning_rate=0.5),
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must hold settings, such as"),
        ("- 1", "must hold settings, such as"),
        ("a: [", "not valid YAML"),
        ("model.dropuot: {low: 0, high: 0.5}", r"unknown setting model.dropuot; did you mean model.dropout\?"),
        ("dropout: {low: 0, high: 0.5}", r"unknown setting dropout; did you mean model.dropout\?"),
        ("model:\n  dropout: {low: 0, high: 0.5}\nmodel.dropout: {low: 0, high: 0.6}", "model.dropout is there twice"),
        ("data.train: {choices: [a, b]}", "data.train cannot be searched: scores on other data"),
        ("training.seed: {low: 1, high: 9}", "training.seed cannot be searched: that would choose by luck"),
        (
            "training.epochs: {low: 1, high: 9}",
            "training.epochs cannot be searched: trials are compared epoch by epoch",
        ),
        ("model.backend: {choices: [scan, auto]}", "model.backend cannot be searched: what is learned does not depend"),
        ("task: {choices: [ner, joint]}", "task cannot be searched"),
        ("model.dropout: 0.5", r"model.dropout: give it \{low"),
        ("model.dropout: {low: 0.5}", r"model.dropout: give it \{low"),
        ("model.dropout: {low: 0, high: 0.5, stop: 1}", r"model.dropout: give it \{low"),
        ("model.dropout: {choices: 3}", r"model.dropout: give it \{low"),
        ("model.dropout: {choices: [0.1, 0.2], low: 0}", r"model.dropout: give it \{low"),
        ("model.dropout: {choices: [0.1]}", "choices must be two or more, each once"),
        ("model.dropout: {choices: [0.1, 0.10]}", "choices must be two or more, each once"),
        ("model.dropout: {low: 0.5, high: 0.2}", "low must be less than high, and 0.5 is not less than 0.2"),
        ("model.dropout: {low: 0.1, high: much}", "model.dropout: high: expected float, not much"),
        ("model.dropout: {low: 0, high: 1}", "model.dropout must be at least 0 and less than 1, not 1"),
        ("model.dropout: {low: 0, high: 0.5, step: 0.2}", "0.2 does not divide it"),
        ("model.dropout: {low: 0, high: 0.5, step: 0}", "0.0 does not divide it"),
        ("model.dropout: {low: 0, high: 0.5, log: true}", "with a low greater than 0"),
        ("model.dropout: {low: 0.1, high: 0.5, log: maybe}", "log must be true or false, not maybe"),
        ("training.learning_rate: {low: 0.1, high: 0.5, log: true, step: 0.1}", "log goes without step"),
        ("model.hidden_size: {low: 100, high: 200.5}", "model.hidden_size: high: expected int, not 200.5"),
        ("model.hidden_size: {choices: [100, big]}", "model.hidden_size: expected int, not big"),
        ("model.hidden_size: {choices: [100, null]}", "model.hidden_size: expected int, not None"),
        ("model.hidden_size: {low: 0, high: 9}", "model.hidden_size must be greater than 0"),
        ("model.encoder: {low: 1, high: 2}", r"model.encoder is no number; give it \{choices"),
        ("model.encoder: {choices: [lstm, cnn]}", r"model.encoder: expected one of \['lstm', 'gru', 'rnn'\], not cnn"),
        ("training.clip_norm: {choices: [1, x]}", r"training.clip_norm: expected float \| null, not x"),
        ("model.affix_lengths: {choices: [[1], [0]]}", "model.affix_lengths must hold lengths of at least 1"),
        ("model.word_vectors: {choices: [null, nowhere.txt]}", "nowhere.txt: there is no such file"),
        # Each is fine for itself.
        (
            "model.char_kernel_size: {choices: [3, 5]}\nmodel.max_word_length: {low: 8, high: 24}",
            "max_word_length must be at least twice model.char_kernel_size",
        ),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as raised:
        read(text, tmp_path)
    assert str(raised.value).startswith(f"--space {tmp_path}")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("name", ["sample", "conll2003"])
def test_the_spaces_of_the_repository_can_be_read(name: str) -> None:
    folder = Path(__file__).parents[2] / "configs" / "search"
    assert len(read_space(folder / f"{name}.yaml", Config())) >= 4
    assert f"--space configs/search/{name}.yaml" in (folder / f"{name}.yaml").read_text()
