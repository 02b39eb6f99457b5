"""A configuration that exists is usable, and one that is written down reads back the same."""

import dataclasses
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqtag.command_line import load_config, make_parser, parse_config
from seqtag.config import Config, DataConfig, ModelConfig, TrainingConfig
from seqtag.errors import InputError
from seqtag.training.run_directory import RunDirectory

SECTIONS: dict[str, Any] = {"data": DataConfig, "model": ModelConfig, "training": TrainingConfig}
PARSER = make_parser("seqtag train", "")

WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1, max_size=8) | st.sampled_from(
    [
        "no",
        "true",
        "1e-3",
        "0123",
        "2024-01-01",
        "~",
        "- a",
        "a: b",
        "#",
        "'",
        '"',
        "%",
        "&a",
        "*a",
        "!x",
        "[",
        "{}",
        ":",
    ]
)
WORDS = WORDS.filter(lambda word: word != "null")  # always null, as on the command line
RATES = st.floats(1e-12, 1e6)
SETTINGS = st.fixed_dictionaries(
    {
        "data": st.fixed_dictionaries(
            {
                "format": st.sampled_from(["sample", "hub", "conll", "jsonl"]),
                "path": WORDS,
                "revision": st.none() | WORDS,
                "validation": st.none() | st.floats(0.001, 0.999) | WORDS.filter(lambda word: not _is_number(word)),
                "test": st.none() | WORDS,
                "label_names": st.none() | st.lists(WORDS, max_size=3),
                "strict": st.booleans(),
            }
        ),
        "model": st.fixed_dictionaries(
            {
                "encoder": st.sampled_from(["lstm", "gru", "rnn"]),
                "word_vectors": st.none() | WORDS,
                "affix_lengths": st.lists(st.integers(1, 5), max_size=3),
            }
        ),
        "training": st.fixed_dictionaries(
            {
                "learning_rate": RATES,
                "clip_norm": st.none() | RATES,
                "seed": st.integers(0, 2**31),
                "early_stopping": st.none() | st.integers(1, 9),
            }
        ),
    }
).filter(lambda own: own["data"]["validation"] is not None or own["training"]["early_stopping"] is None)


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _config(values: dict[str, dict[str, Any]]) -> Config:
    return Config(**{section: SECTIONS[section](**given) for section, given in values.items()})


@settings(max_examples=25)
@given(SETTINGS)
def test_a_written_configuration_reads_back_the_same(values: dict[str, dict[str, Any]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        run = RunDirectory(Path(folder))
        run.begin(_config(values))
        assert load_config(run.config) == _config(values)


@settings(max_examples=25)
@given(SETTINGS)
def test_a_configuration_given_as_flags_reads_the_same(values: dict[str, dict[str, Any]]) -> None:
    argv = [
        f"--{section}.{name}={_written(value)}" for section, given in values.items() for name, value in given.items()
    ]
    assert parse_config(PARSER, argv)[0] == _config(values)


def _written(value: Any) -> str:
    if isinstance(value, list):
        return json.dumps(value, ensure_ascii=False)
    return "null" if value is None else str(value)


def test_every_setting_says_what_it_means() -> None:
    helps = {action.dest: action.help for action in PARSER._actions}
    for section, kind in SECTIONS.items():
        for field in dataclasses.fields(kind):
            assert len(helps[f"{section}.{field.name}"] or "") > 3, f"{section}.{field.name}"


def test_a_configuration_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Config().training.epochs = 3  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize(
    ("section", "setting", "value"),
    [
        ("training", "epochs", 0),
        ("training", "learning_rate", 0.0),
        ("training", "learning_rate", float("nan")),
        ("training", "seed", -1),
        ("training", "clip_norm", 0.0),
        ("training", "early_stopping", 0),
        ("training", "ema_decay", 1.0),
        ("model", "hidden_size", 0),
        ("model", "dropout", 1.0),
        ("model", "word_dropout", -0.1),
        ("model", "affix_lengths", [0]),
        ("model", "max_word_length", 3),
        ("data", "validation", 1.0),
        ("data", "validation", 0.0),
        ("data", "max_sentence_length", 0),
    ],
)
def test_a_setting_out_of_range_is_named(section: str, setting: str, value: Any) -> None:
    with pytest.raises(InputError, match=rf"{section}\.{setting}"):
        Config(**{section: SECTIONS[section](**{setting: value})})


@pytest.mark.parametrize("form", ["hub", "conll", "jsonl"])
def test_data_that_are_not_the_sample_need_a_path(form: Any) -> None:
    with pytest.raises(InputError, match=f"data.path must be set for data.format {form}"):
        Config(data=DataConfig(format=form))
