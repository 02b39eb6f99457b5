"""What is written beside the gold tags is read back as it was, whatever the tokens."""

import json
import os
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from datasets import Dataset
from hypothesis import given, settings
from hypothesis import strategies as st

from seqtag.config import DataConfig, ModelConfig
from seqtag.data.conll import ConllReader
from seqtag.data.example import Example, Ledger
from seqtag.decoding.outputs import Prediction
from seqtag.evaluation.prediction_files import read_predictions, write_predictions
from seqtag.vocabulary import build_vocabulary

AWKWARD = st.sampled_from(
    ["#", "# x", "#a=", "=", "-DOCSTART-", "", " ", "a b", "\t", "x\n", "\x85", "\ufeff", "O", "null"]
)
TOKENS = AWKWARD | st.text(st.characters(codec="utf-8"), max_size=4)


VOCABULARY = build_vocabulary(Counter("a"), ["PER", "LOC"], ModelConfig())


def write(dataset: Dataset, tags: list[list[str]], folder: Path, name: str) -> Path:
    predicted = [Prediction(own, [1.0] * len(own), np.zeros(len(own), np.float32), []) for own in tags]
    return write_predictions(dataset, predicted, VOCABULARY, folder, name)


def _dataset(sentences: Sequence[Sequence[str]], **columns: list[Any]) -> Dataset:
    rows: dict[str, list[Any]] = {
        "tokens": [list(tokens) for tokens in sentences],
        "tags": [["B-PER", *["I-PER"] * (len(tokens) - 1)] for tokens in sentences],
        "document_id": [None] * len(sentences),
    }
    return Dataset.from_dict(rows | columns)


def _read(path: Path, tag_column: int = -2) -> list[Example]:
    config = DataConfig(format="conll", path=str(path.parent), tag_column=tag_column)
    return list(ConllReader(config).examples(path.name, Ledger(str(path), strict=True)))


@settings(max_examples=60)
@given(st.lists(st.lists(TOKENS, min_size=1, max_size=4), min_size=1, max_size=3))
def test_tokens_gold_and_predicted_are_read_back(sentences: list[list[str]]) -> None:
    predicted = [["O"] * len(tokens) for tokens in sentences]
    with tempfile.TemporaryDirectory() as folder:
        path = write(_dataset(sentences), predicted, Path(folder), "test")
        if path.suffix == ".conll":
            found = _read(path)
            assert [example.tokens for example in found] == sentences
            assert [example.tags for example in found] == list(_dataset(sentences)["tags"])
            assert [example.tags for example in _read(path, tag_column=-1)] == predicted
        else:
            rows = [json.loads(line) for line in path.read_bytes().split(b"\n")[:-1]]
            assert [row["tokens"] for row in rows] == sentences
            assert [row["predicted"] for row in rows] == predicted
        judged = read_predictions(Path(folder), "test")
        assert [one.tokens for one in judged] == sentences
        assert [one.gold for one in judged] == list(_dataset(sentences)["tags"])
        assert [one.predicted for one in judged] == predicted


@pytest.mark.parametrize("tokens", [["a", "b"], ["#", "hash"], ["New York"], ["\ufeff"], ["'", '"']])
def test_ordinary_tokens_stand_in_columns(tmp_path: Path, tokens: list[str]) -> None:
    path = write(_dataset([tokens]), [["O"] * len(tokens)], tmp_path, "test")
    assert path.name == "test.conll"
    assert [example.tokens for example in _read(path)] == [tokens]


@pytest.mark.parametrize("token", ["", " a", "a\tb", "a\nb", "a\u2028b", "-DOCSTART-", "# x", "#a="])
def test_tokens_that_columns_would_change_stand_in_jsonl(tmp_path: Path, token: str) -> None:
    path = write(_dataset([["x"], [token]]), [["O"], ["O"]], tmp_path, "test")
    assert path.name == "test.jsonl"
    assert sorted(tmp_path.iterdir()) == [path]


def test_documents_sentence_ids_and_columns_travel_with_the_sentence(tmp_path: Path) -> None:
    dataset = _dataset(
        [["a", "b"], ["c"], ["d"]],
        document_id=["one", "one", "two  parts"],
        sentence_id=["1", None, "3"],
        column_1=[["DT", "NN"], ["CC"], ["X"]],
        source=["news\nwire", "blog", None],
        score=[0.5, 1.5, 2.5],
    )
    path = write(dataset, [["O", "O"], ["O"], ["B-LOC"]], tmp_path, "test")
    assert path.read_text().splitlines() == [
        "# columns: token, column_1, gold tag, predicted tag",
        "# newdoc id = one",
        "# sent_id = 1",
        "# source = news wire",
        "# score = 0.5",
        "a\tDT\tB-PER\tO",
        "b\tNN\tI-PER\tO",
        "",
        "# source = blog",
        "# score = 1.5",
        "c\tCC\tB-PER\tO",
        "",
        "# newdoc id = two parts",
        "# sent_id = 3",
        "# score = 2.5",
        "d\tX\tB-PER\tB-LOC",
        "",
    ]
    found = _read(path)
    assert [example.document_id for example in found] == ["one", "one", "two parts"]
    assert [example.extra["sentence_id"] for example in found] == ["1", None, "3"]
    assert [example.extra["column_1"] for example in found] == [["DT", "NN"], ["CC"], ["X"]]


def test_documents_that_columns_cannot_tell_apart_stand_in_jsonl(tmp_path: Path) -> None:
    dataset = _dataset([["a"], ["b"]], document_id=["one", None])
    path = write(dataset, [["O"], ["O"]], tmp_path, "test")
    assert [json.loads(line)["document_id"] for line in path.read_text().splitlines()] == ["one", None]


@pytest.mark.parametrize(
    ("labels", "suffix"),
    [(["a", "b c"], "conll"), ([], "conll"), (["a, b"], "jsonl"), (["a  b"], "jsonl"), ([""], "jsonl")],
)
def test_labels_are_read_back(tmp_path: Path, labels: list[str], suffix: str) -> None:
    path = write(_dataset([["x"]], labels=[labels]), [["O"]], tmp_path, "test")
    assert path.name == f"test.{suffix}"
    assert [one.gold_labels for one in read_predictions(tmp_path, "test")] == [labels]


def test_a_field_that_would_be_read_as_labels_stands_in_jsonl(tmp_path: Path) -> None:
    write(_dataset([["x"]], labels=[["a"]], **{"labels = y": ["z"]}), [["O"]], tmp_path, "test")
    assert [one.gold_labels for one in read_predictions(tmp_path, "test")] == [["a"]]


def test_another_number_of_predictions_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="zip"):
        write(_dataset([["a"], ["b"]]), [["O"]], tmp_path, "test")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_finished_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(_dataset([["a"]]), [["O"]], tmp_path, "test")
    before = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space"):
        write(_dataset([["b"]]), [["O"]], tmp_path, "test")
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
