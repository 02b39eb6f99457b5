"""JSON lines as annotation tools write them, and what surrounds spans; the common forms stand in `test_reading.py`."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from seqtag.config import DataConfig
from seqtag.data.reading import read_corpus
from seqtag.errors import InputError
from seqtag.tokenization import tokenize

Write = Callable[..., DataConfig]

TEXT = "Ada Lovelace met Charles."
TAGS = ["B-PER", "I-PER", "O", "B-PER", "O"]
SPANS = [(0, 12, "PER"), (17, 24, "PER")]
OBJECTS = [{"start": start, "end": end, "label": label} for start, end, label in SPANS]
VALUES = [{"start": start, "end": end, "text": TEXT[start:end], "labels": [label]} for start, end, label in SPANS]
RESULT = [{"type": "labels", "from_name": "label", "value": value} for value in VALUES]
CHOICE = {"type": "choices", "value": {"choices": ["news"]}}
SHAPES = {
    "tokens and tags": {"tokens": ["Ada", "Lovelace", "met", "Charles", "."], "tags": TAGS},
    "doccano entities": {
        "text": TEXT,
        "entities": [
            {"id": 1, "label": label, "start_offset": start, "end_offset": end} for start, end, label in SPANS
        ],
        "relations": [],
    },
    "prodigy": {"text": TEXT, "spans": OBJECTS, "_input_hash": 1, "answer": "accept"},
    "prodigy tokens": {
        "text": TEXT,
        "tokens": [{"text": TEXT[start:end], "start": start, "end": end, "id": 0} for start, end in tokenize(TEXT)],
        "spans": [{**span, "token_start": 0, "token_end": 1} for span in OBJECTS],
    },
    "label studio cancelled": {
        "data": {"text": TEXT},
        "annotations": [{"was_cancelled": True, "result": []}, {"result": RESULT}],
    },
    "label studio short": {"id": 3, "text": TEXT, "label": VALUES, "annotator": 1},
}


def record_lines(*records: Any) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_reads_the_same(jsonl: Write, shape: str) -> None:
    corpus = read_corpus(jsonl(record_lines(SHAPES[shape])))
    row = corpus.splits["train"][0]
    assert row["tokens"] == SHAPES["tokens and tags"]["tokens"]
    assert row["tags"] == TAGS
    assert corpus.findings["train"].scheme == ("IOB2" if "tags" in SHAPES[shape] else None)
    if "tags" not in SHAPES[shape]:
        assert row["text"] == TEXT
        assert [TEXT[start:end] for start, end in zip(row["starts"], row["ends"], strict=True)] == row["tokens"]


@pytest.mark.parametrize(
    ("fields", "label"),
    [
        ({"label": 1}, "1"),
        ({"label": ["news"]}, "news"),
        ({"label": [], "intent": "x"}, "x"),
    ],
)
def test_a_label_of_the_text_is_taken_from_any_name(jsonl: Write, fields: dict, label: str) -> None:
    row = read_corpus(jsonl(record_lines({"text": "good film", **fields}))).splits["train"][0]
    assert (row["labels"], row["tags"]) == ([label], ["O", "O"])


def test_a_choice_beside_spans_is_the_label(jsonl: Write) -> None:
    record = {"data": {"text": TEXT}, "annotations": [{"result": [*RESULT, CHOICE]}]}
    row = read_corpus(jsonl(record_lines(record))).splits["train"][0]
    assert (row["labels"], row["tags"]) == (["news"], TAGS)


def test_integers_are_named(jsonl: Write) -> None:
    lines = record_lines({"tokens": ["a", "b"], "tags": [1, 0], "label": 1})
    row = read_corpus(jsonl(lines, label_names=["O", "B-X"])).splits["train"][0]
    assert (row["tags"], row["labels"]) == (["B-X", "O"], ["1"])
    row = read_corpus(jsonl(record_lines({"text": "a", "label": 1}), label_names=["no", "yes"])).splits["train"][0]
    assert row["labels"] == ["yes"]
    lines = record_lines({"tokens": ["a"], "tags": ["B-X"], "label": 1})
    assert read_corpus(jsonl(lines, label_names=["no", "yes"])).splits["train"][0]["labels"] == ["yes"]


def test_the_scheme_of_integers_is_that_of_their_names(jsonl: Write) -> None:
    lines = record_lines({"tokens": ["a", "b", "c"], "tags": [1, 2, 3]})
    corpus = read_corpus(jsonl(lines, label_names=["O", "S-X", "B-X", "E-X"]))
    assert corpus.splits["train"][0]["tags"] == ["B-X", "B-X", "I-X"]
    assert (corpus.findings["train"].scheme, corpus.findings["train"].repaired) == ("BIOES", 0)


def test_other_fields_are_carried_whatever_record_has_them(jsonl: Write) -> None:
    records = [
        {"tokens": ["a"], "tags": ["O"], "source": "x"},
        {"text": "b", "entities": [], "meta": {"page": 3}, "document_id": 7, "intent": "i", "sentiment": "s"},
    ]
    train = read_corpus(jsonl(record_lines(*records), label_column="intent")).splits["train"]
    assert list(train["source"]) == ["x", None]
    assert list(train["meta"]) == [None, '{"page": 3}']
    assert list(train["sentiment"]) == [None, "s"]
    assert list(train["labels"]) == [None, ["i"]]
    assert list(train["document_id"]) == [None, "7"]
    assert "entities" not in train.column_names


def test_fields_are_chosen(jsonl: Write) -> None:
    lines = record_lines({"words": ["a"], "ner": ["B-X"], "kind": "k"})
    row = read_corpus(jsonl(lines, token_column="words", tag_column="ner", label_column="kind")).splits["train"][0]
    assert (row["tokens"], row["tags"], row["labels"]) == (["a"], ["B-X"], ["k"])
    lines = record_lines({"body": TEXT, "marks": VALUES})
    row = read_corpus(jsonl(lines, text_column="body", tag_column="marks")).splits["train"][0]
    assert row["tags"] == TAGS


def test_what_an_annotator_rejected_is_left_out_and_counted(jsonl: Write) -> None:
    records = [{"text": text, "answer": text, "_input_hash": 1} for text in ("accept", "reject", "ignore")]
    corpus = read_corpus(jsonl(record_lines(*records)))
    assert list(corpus.splits["train"]["tokens"]) == [["accept"]]
    assert corpus.findings["train"].left_out == 2
    assert "train.jsonl:2: its answer is reject" in corpus.findings["train"].examples[0]


def test_what_was_skipped_in_label_studio_is_left_out_and_counted(jsonl: Write) -> None:
    done, skipped = {"result": RESULT}, {"was_cancelled": True, "result": RESULT}
    records = [{"data": {"text": TEXT}, "annotations": own} for own in ([done], [skipped], [skipped, done], [])]
    corpus = read_corpus(jsonl(record_lines(*records)))
    assert list(corpus.splits["train"]["tags"]) == [TAGS, TAGS]
    assert corpus.findings["train"].left_out == 2
    assert [example.rpartition(": ")[2] for example in corpus.findings["train"].examples] == [
        "its annotations are cancelled",
        "it has no annotation",
    ]


@pytest.mark.parametrize(
    "annotations", [[], [{"start": 0, "end": 3, "label": "PER"}], [{"by": "me"}], "none", {"a": 1}]
)
def test_annotations_of_no_tool_that_is_known_are_carried(jsonl: Write, annotations: Any) -> None:
    record = {"text": TEXT, "entities": [[0, 3, "PER"]], "annotations": annotations}
    dataset = read_corpus(jsonl(record_lines(record))).splits["train"]
    (found,) = dataset["annotations"]
    assert (found if isinstance(annotations, str) else json.loads(found)) == annotations
    assert dataset["tags"][0][0] == "B-PER"


def test_records_without_tags_among_tagged_ones_are_counted(jsonl: Write) -> None:
    records = [{"tokens": ["a"], "tags": ["B-X"]}, {"tokens": ["a"]}, {"tokens": ["a"], "tags": None}]
    corpus = read_corpus(jsonl(record_lines(*records)))
    assert list(corpus.splits["train"]["tags"]) == [["B-X"], ["O"], ["O"]]
    assert corpus.findings["train"].untagged == 2
    with pytest.raises(InputError, match=r"train.jsonl:2: has no tags; data.strict forbids mending it"):
        read_corpus(jsonl(record_lines(*records), strict=True))
    labelled = read_corpus(jsonl(record_lines({"tokens": ["a"], "label": "x"})))
    assert labelled.findings["train"].untagged == 0  # nothing is tagged there


def entities(*spans: list) -> str:
    return record_lines({"text": TEXT, "entities": spans})


@pytest.mark.parametrize(
    ("text", "config", "message"),
    [
        ("[" * 100_000, {}, r"train\.jsonl:1: not valid JSON"),
        ('{"text": "a", "n": {"x": 1, "x": 1}}', {}, r'train\.jsonl:1: has "x" twice in one object.*; remove one'),
        ('{"text": "\\ud800"}', {}, r"train\.jsonl:1: half of a surrogate pair"),
        ('{"tags": ["O"]}', {}, r"train\.jsonl:1: tokens and tags must be lists of strings"),
        (
            '{"tokens": ["a"], "tags": [1]}',
            {},
            r"train\.jsonl:1: tokens and tags must be lists of strings, .*data\.label_names",
        ),
        ('{"tokens": ["a"], "tags": [1]}', {"label_names": ["O"]}, r"train\.jsonl:1: 1 has no name"),
        ('{"tokens": ["a"], "tags": ["NN"]}', {}, r"train\.jsonl:1: tag 'NN' is neither"),
        ('{"tokens": ["a"], "entities": [[0, 1, "X"]]}', {}, r"train\.jsonl:1: spans need the text"),
        (
            '{"text": "a", "label": ["x", "y"]}',
            {},
            r"train\.jsonl:1: 2 labels; a text has one unless data.multi_label is true",
        ),
        ('{"text": "a", "label": {"x": 1}}', {}, r"train\.jsonl:1: label is neither a string nor"),
        ('{"text": "a", "tokens": ["b"], "entities": []}', {}, r'train\.jsonl:1: token "b" is not where'),
        (record_lines({"text": "a", "entities": "[[0, 1, 2]]"}), {}, r"train\.jsonl:1: entities is no list of spans"),
        (record_lines({"text": "a", "spans": {"start": 0}}), {}, r"train\.jsonl:1: spans is no list of spans"),
        (record_lines({"text": "a", "entities": ["0 1 X"]}), {}, r"train\.jsonl:1: entities is no list of spans"),
        (entities([-3, 3, "X"]), {}, r"train\.jsonl:1: X from -3 to 3"),
        (entities([3, 3, "X"]), {}, r"train\.jsonl:1: X from 3 to 3 is empty"),
        (entities(["0", 3, "X"]), {}, r"train\.jsonl:1: entity .* needs start and end"),
        (
            record_lines({"text": "a", "spans": [{"start": 0, "end": 1, "label": ["X", "Y"]}]}),
            {},
            r":1: entity .* one label",
        ),
        (entities([0, 12, "X"], [0, 3, "Y"]), {"strict": True}, r"train\.jsonl:1: Y 'Ada' overlaps another span"),
    ],
)
def test_what_is_wrong_is_named(jsonl: Write, text: str, config: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_corpus(jsonl(text, **config))
