"""Every format ends in the same schema; what is wrong is named with its place."""

import json
from pathlib import Path
from typing import Any

import pytest
from corpora import make_corpus, real, write_jsonl
from datasets import ClassLabel, Dataset, Features, List, Value

from seqtag.config import DataConfig
from seqtag.data.reading import read_corpus
from seqtag.data.schema import Corpus
from seqtag.errors import InputError
from seqtag.schemes import tags_to_spans

PETER = [(["Peter", "Blackburn", "sleeps", "."], ["B-PER", "I-PER", "O", "O"]), (["EU"], ["B-ORG"])]


def read(folder: Path, format: str, **settings: Any) -> Corpus:
    return read_corpus(
        DataConfig(**{"format": format, "path": str(folder), "validation": None, "test": None} | settings)
    )


def rows(corpus: Corpus, role: str = "train") -> list[tuple[list[str], list[str]]]:
    return [(row["tokens"], row["tags"]) for row in corpus.splits[role]]


def conll(tmp_path: Path, text: str, encoding: str = "utf-8", **settings: Any) -> Corpus:
    (tmp_path / "train.txt").write_bytes(text.encode(encoding))
    return read(tmp_path, "conll", **settings)


@pytest.mark.parametrize(
    "text",
    [
        "Peter B-PER\nBlackburn I-PER\nsleeps O\n. O\n\nEU B-ORG\n\n",
        "Peter B-PER\nBlackburn I-PER\nsleeps O\n. O\n\nEU B-ORG",
        "Peter\tB-PER\r\nBlackburn\tI-PER\r\nsleeps\tO\r\n.\tO\r\n \t\r\nEU\tB-ORG\r\n",
        "\ufeffPeter  B-PER\nBlackburn  I-PER\nsleeps  O\n.  O\n   \n\n\nEU  B-ORG\n",
        "Peter I-PER\nBlackburn I-PER\nsleeps O\n. O\n\nEU I-ORG\n",
        "Peter B-PER\nBlackburn E-PER\nsleeps O\n. O\n\nEU S-ORG\n",
        "# sent_id = 1\n# text = Peter sleeps\nPeter B-PER\nBlackburn I-PER\nsleeps O\n. O\n\n# a remark\nEU B-ORG\n",
    ],
    ids=["plain", "no final blank", "tab crlf", "bom spaces", "iob1", "bioes", "comments"],
)
def test_columns_come_in_many_dresses(tmp_path: Path, text: str) -> None:
    assert rows(conll(tmp_path, text)) == PETER


def test_a_token_may_begin_with_a_hash(tmp_path: Path) -> None:
    assert rows(conll(tmp_path, "#deal\tB-A\n#\tO\n\n#\tO\n")) == [(["#deal", "#"], ["B-A", "O"]), (["#"], ["O"])]
    assert rows(conll(tmp_path, "go O\n#deal B-A\n# O\n\n# O\n")) == [
        (["go", "#deal", "#"], ["O", "B-A", "O"]),
        (["#"], ["O"]),
    ]


def test_tokens_may_hold_odd_white_space(tmp_path: Path) -> None:
    assert rows(conll(tmp_path, "a\u00a0b\tO\n\u3000\tB-A\nx\u2028y\tO\n")) == [
        (["a\u00a0b", "\u3000", "x\u2028y"], ["O", "B-A", "O"])
    ]


def test_documents_are_kept_apart(tmp_path: Path) -> None:
    corpus = conll(tmp_path, "-DOCSTART- O\n\na O\n\nb B-X\n\n-DOCSTART- O\n\nc O\n")
    assert corpus.splits["train"]["document_id"][:] == ["1", "1", "2"]
    corpus = conll(tmp_path, "# newdoc id = x\n# sent_id = s1\na O\n\n# newdoc id = y\nb B-X\n")
    assert corpus.splits["train"]["document_id"][:] == ["x", "y"]
    assert corpus.splits["train"]["sentence_id"][:] == ["s1", None]


def test_columns_can_be_chosen_and_the_others_travel(tmp_path: Path) -> None:
    corpus = conll(tmp_path, "1 a N B-X z\n2 b V O z\n", token_column=1, tag_column="3")
    assert rows(corpus) == [(["a", "b"], ["B-X", "O"])]
    assert corpus.splits["train"]["column_2"][:] == [["N", "V"]]


def test_ill_formed_tags_are_repaired_and_counted_or_fatal(tmp_path: Path) -> None:
    text = "a B-X\nb I-Y\n\nc I-X\nd B-Y\ne B-Y\n"
    corpus = conll(tmp_path, text, tag_scheme="IOB2")
    assert [tags for _, tags in rows(corpus)] == [["B-X", "B-Y"], ["B-X", "B-Y", "B-Y"]]
    assert corpus.findings["train"].repaired == 2
    with pytest.raises(InputError, match=r"train.txt:1: ill-formed IOB2 tags; data.strict"):
        conll(tmp_path, text, tag_scheme="IOB2", strict=True)


@pytest.mark.parametrize(
    ("text", "settings", "message"),
    [
        ("a O\nb\n", {}, "train.txt:2: 1 columns where the lines before have 2"),
        ("a O\nb c O\n", {}, "train.txt:2: 3 columns"),
        ("a\nb\n", {}, "train.txt:1: one column only"),
        ("a O\n", {"tag_column": 2}, "train.txt:1: data.tag_column is 2, but the line has 2 columns"),
        ("a O\n", {"token_column": "word"}, "data.token_column is 'word'"),
        ("a NN\n", {}, "train.txt:1: tag 'NN' is neither O nor a prefix.*check data.tag_column"),
        ("a\tO\n\tO\n", {}, "train.txt:2: the token is empty"),
        ("", {}, "train.txt: no sentences in it"),
        ("-DOCSTART- O\n\n", {}, "no sentences in it"),
        ("a O\n", {"train": "other.txt"}, "other.txt: there is no such file.*the folder holds train.txt"),
        ("a O\n", {"path": "/nowhere"}, "data.path /nowhere: there is no such folder"),
    ],
)
def test_what_is_wrong_in_columns_is_named(tmp_path: Path, text: str, settings: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        conll(tmp_path, text, **settings)


def test_other_encodings_are_refused_with_their_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"train.txt:2: not UTF-8"):
        conll(tmp_path, "a O\nÄ O\n", encoding="latin-1")


def jsonl(tmp_path: Path, *records: dict, **settings: Any) -> Corpus:
    write_jsonl(tmp_path / "train.jsonl", list(records))
    return read(tmp_path, "jsonl", **settings)


TEXT = "Ada met Bo in Rome."
TOKENS = ["Ada", "met", "Bo", "in", "Rome", "."]
TAGS = ["B-PER", "O", "B-PER", "O", "B-LOC", "O"]
SPANS = [(0, 3, "PER"), (8, 10, "PER"), (14, 18, "LOC")]
OBJECTS = [{"start": start, "end": end, "label": label} for start, end, label in SPANS]


@pytest.mark.parametrize(
    "record",
    [
        {"tokens": TOKENS, "tags": TAGS},
        {"text": TEXT, "entities": OBJECTS},
        {"text": TEXT, "entities": [list(span) for span in SPANS]},
        {"text": TEXT, "spans": OBJECTS, "tokens": [{"start": 0, "end": 3}, {"start": 4, "end": 7},
         {"start": 8, "end": 10}, {"start": 11, "end": 13}, {"start": 14, "end": 18}, {"start": 18, "end": 19}]},
        {"text": TEXT, "label": [list(span) for span in SPANS]},
        {"data": TEXT, "labels": [list(span) for span in SPANS]},
        {"data": {"text": TEXT}, "annotations": [{"result": [
            {"value": {"start": start, "end": end, "labels": [label]}} for start, end, label in SPANS]}]},
        {"text": TEXT, "label": [{"start": start, "end": end, "labels": [label]} for start, end, label in SPANS]},
    ],
    ids=["tokens", "entities", "lists", "prodigy", "doccano", "doccano old", "label studio", "label studio short"],
)  # fmt: skip
def test_json_comes_in_many_shapes(tmp_path: Path, record: dict) -> None:
    assert rows(jsonl(tmp_path, record)) == [(TOKENS, TAGS)]
    (tmp_path / "array.json").write_text(json.dumps([record]))
    assert rows(read(tmp_path, "jsonl", train="array")) == [(TOKENS, TAGS)]


def test_offsets_point_at_the_text(tmp_path: Path) -> None:
    (row,) = jsonl(tmp_path, {"text": TEXT, "entities": OBJECTS}).splits["train"]
    assert [row["text"][start:end] for start, end in zip(row["starts"], row["ends"], strict=True)] == row["tokens"]


@pytest.mark.parametrize("name", ["label", "intent", "sentiment"])
def test_labels_and_other_fields_travel(tmp_path: Path, name: str) -> None:
    records = [
        {"tokens": ["a"], "tags": ["B-X"], name: "yes"},
        {"tokens": ["b"], "tags": ["O"], "document_id": 7, "n": {"k": 1}},
    ]
    dataset = jsonl(tmp_path, *records).splits["train"]
    assert dataset["labels"][:] == [["yes"], None]
    assert dataset["document_id"][:] == [None, "7"]
    assert dataset["n"][:] == [None, '{"k": 1}']


def test_spans_off_token_boundaries_are_widened_and_counted_or_fatal(tmp_path: Path) -> None:
    record = {"text": TEXT, "entities": [{"start": 1, "end": 5, "label": "PER"}]}
    corpus = jsonl(tmp_path, record)
    assert rows(corpus)[0][1] == ["B-PER", "I-PER", "O", "O", "O", "O"]
    assert corpus.findings["train"].misaligned == 1
    with pytest.raises(InputError, match=r"train.jsonl:1: PER 'da m' is off token boundaries"):
        jsonl(tmp_path, record, strict=True)


def test_of_overlapping_spans_the_longer_is_kept_and_the_other_counted(tmp_path: Path) -> None:
    corpus = jsonl(tmp_path, {"text": TEXT, "entities": [[0, 3, "A"], [0, 7, "B"], [14, 18, "C"]]})
    assert tags_to_spans(rows(corpus)[0][1]) == [("B", 0, 2), ("C", 4, 5)]
    assert corpus.findings["train"].overlapping == 1


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "train.jsonl:1: not valid JSON"),
        ("[1]", "train.jsonl:1: not a JSON object"),
        ('{"tokens": ["a"], "tags": []}', "train.jsonl:1: 1 tokens but 0 tags"),
        ('{"tokens": "a", "tags": ["O"]}', "must be lists of strings"),
        ('{"tokens": [], "tags": []}', "a sentence without tokens"),
        ('{"text": "  "}', "holds no token"),
        ('{"text": 3}', "the text is not a string"),
        ('{"name": "a"}', "neither tokens nor text"),
        ('{"text": "ab", "entities": [[0, 5, "X"]]}', "lies outside the text of 2 characters"),
        ('{"text": "ab", "entities": [{"start": 0, "end": 1}]}', "needs start and end"),
        ('{"text": "a b", "entities": [[1, 2, "X"]]}', "X ' ' holds no token"),
        ('{"text": "ab", "label": "x", "intent": "y"}', "choose with data.label_column"),
    ],
)
def test_what_is_wrong_in_json_is_named(tmp_path: Path, line: str, message: str) -> None:
    (tmp_path / "train.jsonl").write_text(line + "\n")
    with pytest.raises(InputError, match=message):
        read(tmp_path, "jsonl")


def hub_folder(tmp_path: Path, features: Features, **columns: list) -> Path:
    """A folder as the Hub has it: a README that names Parquet files."""
    (tmp_path / "data").mkdir()
    Dataset.from_dict(columns, features=features).to_parquet(tmp_path / "data" / "train-00000-of-00001.parquet")
    (tmp_path / "README.md").write_text(
        "---\nconfigs:\n- config_name: default\n  data_files:\n  - split: train\n    path: data/train-*\n---\n"
    )
    return tmp_path


NAMES = ["O", "B-PER", "I-PER", "B-ORG"]


@pytest.mark.parametrize(("tokens", "tags"), [("tokens", "ner_tags"), ("words", "labels")])
def test_class_labels_of_a_hub_set_give_the_names(tmp_path: Path, tokens: str, tags: str) -> None:
    features = Features({tokens: List(Value("string")), tags: List(ClassLabel(names=NAMES)), "id": Value("string")})
    columns = {tokens: [one[0] for one in PETER], tags: [[1, 2, 0, 0], [3]], "id": ["x", "y"]}
    corpus = read(hub_folder(tmp_path, features, **columns), "hub")
    assert rows(corpus) == PETER
    assert corpus.splits["train"]["id"][:] == ["x", "y"]


def test_plain_integers_of_a_hub_set_need_names(tmp_path: Path) -> None:
    features = Features({"tokens": List(Value("string")), "tags": List(Value("int32"))})
    folder = hub_folder(tmp_path, features, tokens=[one[0] for one in PETER], tags=[[1, 2, 0, 0], [3]])
    assert rows(read(folder, "hub", label_names=NAMES)) == PETER
    with pytest.raises(InputError, match=r"column tags holds plain integers; name them in order with data.label_names"):
        read(folder, "hub")
    with pytest.raises(InputError, match=r"row 1: 3 has no name"):
        read(folder, "hub", label_names=NAMES[:3])


def test_text_and_label_of_a_hub_set(tmp_path: Path) -> None:
    features = Features({"sentence": Value("string"), "label": ClassLabel(names=["bad", "good"])})
    corpus = read(hub_folder(tmp_path, features, sentence=[TEXT], label=[1]), "hub")
    assert corpus.splits["train"][0]["tokens"] == TOKENS
    assert corpus.splits["train"][0]["labels"] == ["good"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"train": "dev"}, "no split 'dev'; the data set has train"),
        ({"tag_column": "pos"}, "data.tag_column is 'pos', but the columns are tokens, tags"),
        ({"path": "./not-there"}, "there is no such folder"),
        ({"path": "some/set"}, "data.path some/set: cannot be loaded"),
    ],
)
def test_what_is_wrong_with_a_hub_set_is_named(tmp_path: Path, settings: dict, message: str) -> None:
    features = Features({"tokens": List(Value("string")), "tags": List(Value("string"))})
    folder = hub_folder(tmp_path, features, tokens=[["a"]], tags=[["B-X"]])
    with pytest.raises(InputError, match=message):
        read(folder, "hub", **settings)


def test_a_set_that_is_only_a_script_names_the_converted_branch(tmp_path: Path) -> None:
    folder = tmp_path / "conll2003"
    folder.mkdir()
    (folder / "conll2003.py").write_text("raise SystemExit('this must not run')\n")
    with pytest.raises(InputError, match="refs/convert/parquet"):
        read(folder, "hub")


def test_a_share_is_held_out_the_same_way_each_time(tmp_path: Path) -> None:
    folder = make_corpus(tmp_path / "corpus")
    once, again = (read(folder, "conll", validation=0.25) for _ in range(2))
    assert rows(once, "validation") == rows(again, "validation")
    assert len(rows(once, "validation")) == 15
    assert sorted(map(str, rows(once) + rows(once, "validation"))) == sorted(map(str, rows(read(folder, "conll"))))
    other = read(folder, "conll", validation=0.25, split_seed=1)
    assert rows(other, "validation") != rows(once, "validation")
    only = read_corpus(
        DataConfig(format="conll", path=str(folder), validation=0.25, test=None),
        require_train=False,
        only=["validation"],
    )
    assert list(only.splits) == ["validation"]


def test_a_held_out_share_takes_whole_documents(tmp_path: Path) -> None:
    text = "".join(f"-DOCSTART- O\n\na{number} B-X\n\nb{number} O\n\n" for number in range(10))
    corpus = conll(tmp_path, text, validation=0.3)
    sides = [set(corpus.splits[role]["document_id"]) for role in ("train", "validation")]
    assert not sides[0] & sides[1]
    assert len(sides[1]) == 3


@pytest.mark.parametrize("seed", range(8))
def test_a_large_document_does_not_make_a_held_out_share_many_times_as_large(tmp_path: Path, seed: int) -> None:
    sizes = [80, 5, 5, 5, 5]
    text = "".join("-DOCSTART- O\n\n" + "a B-X\n\n" * size for size in sizes)
    assert len(conll(tmp_path, text, validation=0.1, split_seed=seed).splits["validation"]) == 10


def test_a_held_out_share_has_its_own_count_of_moved_spans(tmp_path: Path) -> None:
    record = '{"text": "Adam ran", "entities": [[0, 3, "X"]]}\n'
    (tmp_path / "train.jsonl").write_text(record * 10)
    corpus = read(tmp_path, "jsonl", train="train.jsonl", validation=0.3)
    assert {role: found.misaligned for role, found in corpus.findings.items()} == {"train": 7, "validation": 3}


def test_a_held_out_share_has_its_own_count_of_repaired_tags(tmp_path: Path) -> None:
    corpus = conll(tmp_path, "".join(f"a{number} B-X\nb{number} I-Y\n\n" for number in range(10)), validation=0.3)
    assert {role: found.repaired for role, found in corpus.findings.items()} == {"train": 7, "validation": 3}


def test_a_limit_cuts_training_alone_and_says_so(tmp_path: Path) -> None:
    folder = make_corpus(tmp_path / "corpus")
    whole = read(folder, "conll", validation="valid")
    corpus = read(folder, "conll", validation="valid", max_sentence_length=5)
    lost = sum(max(0, len(tokens) - 5) for tokens, _ in rows(whole))
    assert corpus.findings["train"].cut_tokens == lost > 0
    assert max(len(tokens) for tokens, _ in rows(corpus)) == 5
    assert rows(corpus, "validation") == rows(whole, "validation")


def test_the_sample_has_three_parts() -> None:
    corpus = read_corpus(DataConfig())
    assert {role: len(dataset) for role, dataset in corpus.splits.items()} == {
        "train": 1036,
        "validation": 190,
        "test": 250,
    }
    assert not any(found.misaligned or found.repaired or found.overlapping for found in corpus.findings.values())
    with pytest.raises(InputError, match="has no split 'dev'"):
        read_corpus(DataConfig(train="dev"))


@pytest.mark.parametrize(
    ("name", "settings", "spans"),
    [
        ("conll2003", {"format": "conll", "train": "train.txt", "validation": "valid.txt"}, (23499, 5942)),
        ("conll2003", {"format": "conll", "train": "eng.train", "validation": "eng.testa"}, (23499, 5942)),
        ("hub/conll2003", {"format": "hub"}, (23499, 5942)),
        ("hub/wnut17", {"format": "hub"}, (1975, 836)),
        ("wnut17", {"format": "conll", "validation": "valid"}, (1975, 836)),
        ("uner_pt", {"format": "conll", "validation": "valid", "token_column": 1, "tag_column": 2}, (8101, 1401)),
        ("mit_restaurant", {"format": "conll", "validation": "valid"}, (13858, 1505)),
        ("restaurants14", {"format": "conll", "validation": "valid"}, (3272, 331)),
        ("snips", {"format": "jsonl", "validation": "valid"}, (33958, 1794)),
        ("atis", {"format": "jsonl", "validation": "valid"}, (14851, 1709)),
    ],
)
def test_real_corpora_have_the_spans_they_are_known_to_have(name: str, settings: dict, spans: tuple[int, int]) -> None:
    corpus = read_corpus(DataConfig(**{"path": str(real(name)), "validation": "validation", "test": None} | settings))
    found = [sum(len(tags_to_spans(tags)) for _, tags in rows(corpus, role)) for role in ("train", "validation")]
    assert tuple(found) == spans
    assert not any(one.repaired for one in corpus.findings.values())
