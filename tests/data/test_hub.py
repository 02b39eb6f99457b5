"""Hub sets in their rarer forms; the common ones stand in `test_reading.py`."""

from pathlib import Path
from typing import Any

import pytest
from datasets import ClassLabel, Dataset, Features, List, Value

from seqtag.config import DataConfig
from seqtag.data.reading import read_corpus
from seqtag.data.schema import Corpus
from seqtag.errors import InputError

STRINGS = List(Value("string"))
CONFIGS = """---
configs:
- config_name: one
  data_files: train.parquet
- config_name: two
  data_files: train.parquet
---
"""


def read(folder: Path, columns: dict[str, tuple[Any, list]], **settings: Any) -> Corpus:
    """Read a folder in the Hub's layout whose columns have these types and values."""
    features = Features({name: feature for name, (feature, _) in columns.items()})
    values = {name: column for name, (_, column) in columns.items()}
    Dataset.from_dict(values, features=features).to_parquet(folder / "train.parquet")
    config = DataConfig(format="hub", path=str(folder), **{"validation": None, "test": None} | settings)
    return read_corpus(config)


TAGGED: dict[str, tuple[Any, list]] = {"tokens": (STRINGS, [["a"], ["b"]]), "tags": (STRINGS, [["I-X"], ["O"]])}


def test_rows_without_a_token_are_left_out_and_counted(tmp_path: Path) -> None:
    corpus = read(tmp_path, {"tokens": (STRINGS, [["a"], []]), "tags": (STRINGS, [["B-X"], []])})
    assert list(corpus.splits["train"]["tokens"]) == [["a"]]
    assert corpus.findings["train"].left_out == 1
    assert "row 1: no token in it" in corpus.findings["train"].examples[0]


def test_the_scheme_of_strings_is_found(tmp_path: Path) -> None:
    corpus = read(tmp_path, TAGGED)
    assert (corpus.findings["train"].scheme, corpus.splits["train"][0]["tags"]) == ("IOB1", ["B-X"])


def test_other_columns_are_carried(tmp_path: Path) -> None:
    other = {
        "number": (Value("int32"), [None, 3]),
        "pos": (STRINGS, [None, ["NN"]]),
        "text": (Value("string"), ["A", "B"]),
    }
    train = read(tmp_path, TAGGED | other).splits["train"]
    assert list(train["number"]) == [None, "3"]
    assert list(train["pos"]) == [None, '["NN"]']
    assert list(train["source_text"]) == ["A", "B"]


def test_tags_and_labels_have_names_of_their_own(tmp_path: Path) -> None:
    numbers = {
        "tokens": (STRINGS, [["a"]]),
        "tags": (List(Value("int8")), [[1]]),
        "intent": (ClassLabel(names=["no", "yes"]), [1]),
    }
    row = read(tmp_path, numbers, label_names=["O", "B-X"]).splits["train"][0]
    assert (row["tags"], row["labels"]) == (["B-X"], ["yes"])
    row = read(tmp_path, numbers | {"intent": (Value("int8"), [0])}, label_names=["O", "B-X"]).splits["train"][0]
    assert (row["tags"], row["labels"]) == (["B-X"], ["0"])
    row = read(
        tmp_path, numbers | {"tags": (STRINGS, [["O"]]), "intent": (Value("int8"), [1])}, label_names=["no", "yes"]
    )
    assert row.splits["train"][0]["labels"] == ["yes"]
    text = {"text": (Value("string"), ["good"]), "label": (Value("int8"), [1])}
    assert read(tmp_path, text, label_names=["no", "yes"]).splits["train"][0]["labels"] == ["yes"]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"a": (Value("string"), ["x"])}, "train: no column of tokens or text among a; set data.token_column"),
        (TAGGED | {"tags": (STRINGS, [["O"], None])}, "row 1: tags is not a list; .*data.tag_column"),
        (
            TAGGED | {"tokens": (STRINGS, [["a"], [None]])},
            "row 1: tokens is not a list of strings; .*data.token_column",
        ),
        (TAGGED | {"tags": (STRINGS, [["O"], ["O", "O"]])}, "row 1: 1 tokens but 2 tags"),
        (
            TAGGED | {"tags": (List(ClassLabel(names=["O"])), [[0], [-1]])},
            "split train row 1: -1 marks what is not labelled",
        ),
        ({"text": (Value("string"), ["a", None])}, "row 1: text is not a string"),
        ({"text": (Value("string"), ["a"]), "label": (ClassLabel(2), [-1])}, "row 0: -1 marks what is not labelled"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, columns: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(tmp_path, columns)


def test_several_configurations_ask_for_one(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text(CONFIGS)
    with pytest.raises(InputError, match=r"has several configurations; set data\.subset to one of \['one', 'two'\]"):
        read(tmp_path, TAGGED)
    assert len(read(tmp_path, TAGGED, subset="two").splits["train"]) == 2


def test_an_edited_file_is_read_anew(tmp_path: Path) -> None:
    read(tmp_path, TAGGED)
    corpus = read(tmp_path, {"tokens": (STRINGS, [["c"]]), "tags": (STRINGS, [["O"]])})
    assert list(corpus.splits["train"]["tokens"]) == [["c"]]
