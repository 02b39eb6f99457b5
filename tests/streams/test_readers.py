"""What is read: every format, every oddity, each with its place; nothing is lost."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqtag.config import DataConfig
from seqtag.data.reading import read_corpus
from seqtag.data.schema import DOCUMENT_ID
from seqtag.errors import InputError
from seqtag.streams.reading import open_reader
from seqtag.streams.record import BadRecord, Record


def read(path: Path, **settings: Any) -> list[Record | BadRecord]:
    arguments = {"kind": None, "whole": False, "text_column": None, "token_column": None} | settings
    reader = open_reader(str(path), **arguments)
    try:
        return list(reader)
    finally:
        reader.close()


def read_bytes(tmp_path: Path, name: str, data: bytes, **settings: Any) -> list[Record | BadRecord]:
    path = tmp_path / name
    path.write_bytes(data)
    return read(path, **settings)


def given_of(records: list[Record | BadRecord]) -> list[Any]:
    return [record.given if isinstance(record, Record) else record.message.rpartition("/")[2] for record in records]


@pytest.mark.parametrize(
    ("data", "texts"),
    [
        (b"", []),
        (b"\n", [""]),
        (b"a", ["a"]),
        (b"\xef\xbb\xbfa\r\nb\r\n", ["a", "b"]),
        (b"a\n\n b \nc", ["a", "", " b ", "c"]),
        ("a\u2028b\x0bc\x85d\re\n".encode(), ["a\u2028b\x0bc\x85d\re"]),
        (b"a\r", ["a\r"]),
        (b"a\0b\n", ["a\0b"]),
        (b"a\n\xff\nb\n", ["a", "x.txt:2: not UTF-8 text; convert the file to UTF-8 first", "b"]),
        ("a\n".encode("utf-16"), ["x.txt:1: not UTF-8 text; convert the file to UTF-8 first", "\0"]),
        (b"x" * 3_000_000, ["x" * 3_000_000]),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_a_line_is_a_text(tmp_path: Path, data: bytes, texts: list[str]) -> None:
    assert given_of(read_bytes(tmp_path, "x.txt", data)) == texts


def test_places_count_lines_and_positions_bytes(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_bytes(b"\xef\xbb\xbfa\r\nb\n")
    reader = open_reader(str(path), None, False, None, None)
    records = iter(reader)
    assert [(next(records).place, reader.position()) for _ in range(2)] == [(f"{path}:1", 6), (f"{path}:2", 8)]
    assert reader.size == 8
    reader.close()


@pytest.mark.parametrize("text", ["", "a\r\nb\n\nc\n", "\0"])
def test_the_whole_input_is_one_text(tmp_path: Path, text: str) -> None:
    assert given_of(read_bytes(tmp_path, "x.txt", text.encode("utf-8-sig"), whole=True)) == [text]


def test_a_whole_input_that_is_not_utf8_names_the_line(tmp_path: Path) -> None:
    (bad,) = read_bytes(tmp_path, "x.txt", b"a\nb\n\xff", whole=True)
    assert isinstance(bad, BadRecord)
    assert "x.txt:3: not UTF-8" in bad.message


def test_json_lines_give_texts_tokens_and_the_rest(tmp_path: Path) -> None:
    lines = [
        '{"text": "a", "id": 1, "tokens": null}',
        "",
        '{"tokens": ["a", "b"], "text": null, "tags": ["O", "O"]}',
        '{"text": "both", "tokens": ["b"]}',
        '{"text": "\\ud800\\u0000"}',
    ]
    records = read_bytes(tmp_path, "x.jsonl", b"\xef\xbb\xbf" + "\r\n".join(lines).encode())
    assert [(record.given, record.carried) for record in records if isinstance(record, Record)] == [
        ("a", {"id": 1}),
        (["a", "b"], {"tags": ["O", "O"]}),
        ("both", {"tokens": ["b"]}),
        ("\ud800\0", {}),
    ]
    assert records[1].place.endswith("x.jsonl:3")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"{", "not valid JSON"),
        (b"[" * 100_000, "not valid JSON"),
        (b'["a"]', "not a JSON object"),
        (b'{"text": "a", "text": "b"}', 'has "text" twice in one object, of which only one would count; remove one'),
        (b'{"text": 3}', "text is not a string"),
        (b'{"x": 3}', "neither text nor tokens"),
        (b'{"tokens": "a b"}', "tokens is not a list of strings"),
        (b'{"tokens": [1]}', "tokens is not a list of strings"),
        (b'{"text": "\xff"}', "not UTF-8"),
    ],
)
def test_a_bad_line_of_json_is_named_and_no_other_is_lost(tmp_path: Path, line: bytes, message: str) -> None:
    first, bad, last = read_bytes(tmp_path, "x.jsonl", b'{"text": "a"}\n' + line + b'\n{"text": "b"}')
    assert (first.given, last.given) == ("a", "b")  # pyright: ignore[reportAttributeAccessIssue]
    assert isinstance(bad, BadRecord)
    assert f"x.jsonl:2: {message}" in bad.message


def test_columns_by_name(tmp_path: Path) -> None:
    data = b'{"body": "a", "words": ["b"], "text": "c", "tokens": ["d"]}\n'
    assert given_of(read_bytes(tmp_path, "x.jsonl", data, text_column="body")) == ["a"]
    assert given_of(read_bytes(tmp_path, "x.jsonl", data, token_column="words")) == [["b"]]
    assert given_of(read_bytes(tmp_path, "x.jsonl", data, text_column="body", token_column="words")) == ["a"]
    (bad,) = read_bytes(tmp_path, "x.jsonl", data, text_column="boddy")
    assert isinstance(bad, BadRecord)
    assert "neither boddy nor tokens" in bad.message, "tokens were tagged where a text was asked for"


CONLL = """\
-DOCSTART-	-X-	O

# sent_id = 1
EU\tNNP\tB-ORG
rejects VBZ\tX\tO


# a comment
#\tNN\tO
-DOCSTART-	-X-	O
Ada\tNNP\tB-PER

# the end"""


def test_columns_with_comments_documents_and_blank_lines(tmp_path: Path) -> None:
    one, two, three, end = read_bytes(tmp_path, "x.conll", CONLL.replace("\n", "\r\n").encode())
    assert isinstance(one, Record)
    assert isinstance(two, Record)
    assert isinstance(three, Record)
    assert isinstance(end, Record)
    assert given_of([one, two, three, end]) == [["EU", "rejects VBZ"], ["#"], ["Ada"], []]
    assert one.carried == {
        "comments": ["-DOCSTART-\t-X-\tO", "# sent_id = 1"],
        "column_1": ["NNP", "X"],
        "column_2": ["B-ORG", "O"],
    }
    assert one.before == ["-DOCSTART-\t-X-\tO\tO", "", "# sent_id = 1"]
    assert two.before == ["", "# a comment"]
    assert three.before == ["-DOCSTART-\t-X-\tO\tO"]
    assert end.carried == {"comments": ["# the end"]}
    assert [record.place.rpartition(":")[2] for record in (one, two, three, end)] == ["4", "9", "11", "13"]


@pytest.mark.parametrize(
    ("data", "tokens"),
    [
        ("", []),
        ("\n\n \n", []),
        ("a\nb\n\n\nc", [["a", "b"], ["c"]]),
        ("#1 O\na O\n", [["#1", "a"]]),
        ("# one\n#\na\n", [["#", "a"]]),
        ("# one two\n#1\n", [["#1"]]),
        ("-DOCSTART- -X- -X- O\n\na NN I-NP O\n", [["a"]]),
        ("a  O \nb O\n", [["a", "b"]]),
        ("\u2003\tO\n", [["\u2003"]]),
        ("a O\nb\n\nc O\n", ["x.conll:2: 1 columns where the first line of a token has 2 columns; mend it", ["c"]]),
        (
            "a\tO\n\n\tO\nb\n\nc\tO\n",
            [["a"], "x.conll:3: an empty token where the first line of a token has 2 columns; mend it", ["c"]],
        ),
    ],
)
def test_columns_of_many_kinds(tmp_path: Path, data: str, tokens: list[Any]) -> None:
    assert given_of(read_bytes(tmp_path, "x.conll", data.encode())) == tokens


def test_bytes_that_are_no_text_spoil_one_sentence_only(tmp_path: Path) -> None:
    found = given_of(read_bytes(tmp_path, "x.conll", b"\xff O\nx O\n\na O\n\nb O\n\xfe O\n\nc O\n"))
    message = "not UTF-8 text; convert the file to UTF-8 first"
    assert found == [f"x.conll:1: {message}", ["a"], f"x.conll:7: {message}", ["c"]]


def test_the_token_may_stand_in_any_column(tmp_path: Path) -> None:
    data = b"1 a O\n2 b O\n"
    for column in ("1", "-2"):
        (record,) = read_bytes(tmp_path, "x.conll", data, token_column=column)
        assert isinstance(record, Record)
        assert record.given == ["a", "b"]
        assert record.carried == {"column_0": ["1", "2"], "column_2": ["O", "O"]}
    with pytest.raises(InputError, match=r"x\.conll:1: --token-column is 3, but the line has 3 columns"):
        read_bytes(tmp_path, "x.conll", data, token_column="3")


def test_parquet_gives_texts_tokens_and_the_rest(tmp_path: Path) -> None:
    rows = [{"text": "a", "n": {"m": [1, None]}}, {"tokens": ["b"], "n": None}, {"text": "c", "tokens": ["d"]}]
    pq.write_table(pa.Table.from_pylist(rows, pa.schema([
        ("text", pa.large_string()), ("tokens", pa.list_(pa.string())), ("n", pa.struct([("m", pa.list_(pa.int8()))]))
    ])), tmp_path / "x.parquet")  # fmt: skip
    found = [(record.given, record.carried) for record in read(tmp_path / "x.parquet") if isinstance(record, Record)]
    assert found == [("a", {"n": {"m": [1, None]}}), (["b"], {"n": None}), ("c", {"tokens": ["d"], "n": None})]


def test_a_bad_value_in_parquet_costs_one_row(tmp_path: Path) -> None:
    offsets = pa.py_buffer(b"".join(number.to_bytes(4, "little") for number in range(4)))
    texts = pa.StringArray.from_buffers(3, offsets, pa.py_buffer(b"a\xffc"))
    pq.write_table(pa.table({"text": texts}), tmp_path / "x.parquet")
    first, bad, last = read(tmp_path / "x.parquet")
    assert given_of([first, last]) == ["a", "c"]
    assert isinstance(bad, BadRecord)
    assert "x.parquet, row 2: holds a value that cannot be read" in bad.message


def test_a_file_that_is_no_parquet_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"x\.parquet: cannot be read as Parquet"):
        read_bytes(tmp_path, "x.parquet", b"PAR1")
    pq.write_table(pa.table([["a"], ["b"]], names=["text", "text"]), tmp_path / "y.parquet")
    with pytest.raises(InputError, match=r"y\.parquet: has several columns text"):
        read(tmp_path / "y.parquet")


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("nothing.txt", {}, r"nothing\.txt: cannot be read: No such file"),
        (".", {}, "cannot be read: Is a directory"),
        ("x.jsonl", {"whole": True}, "--whole: makes one text of a file of text, which"),
        ("x.txt", {"text_column": "a"}, "--text-column: text has no named columns"),
        ("x.txt", {"token_column": "a"}, "--token-column: text has no columns"),
        ("x.conll", {"token_column": "a"}, "--token-column a: for conll it is a number"),
    ],
)
def test_settings_that_do_not_fit_are_refused(
    tmp_path: Path, name: str, settings: dict[str, Any], message: str
) -> None:
    (tmp_path / "x.jsonl").touch()
    (tmp_path / "x.txt").touch()
    (tmp_path / "x.conll").touch()
    with pytest.raises(InputError, match=message):
        read(tmp_path / name, **settings)


@given(st.lists(st.text(st.characters(exclude_characters="\n"), max_size=20)))
def test_any_text_survives_json(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> None:
    path = tmp_path_factory.mktemp("texts") / "x.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    assert given_of(read(path)) == texts


MARKS = st.sampled_from(["", "-DOCSTART- O\n\n", "# newdoc id = a\n", "# newdoc\n", "# text = x\n"])


@given(st.lists(st.tuples(MARKS, st.integers(1, 2)), min_size=1, max_size=6))
def test_documents_are_those_that_training_reads(
    tmp_path_factory: pytest.TempPathFactory, parts: list[tuple[str, int]]
) -> None:
    folder = tmp_path_factory.mktemp("columns")
    more = "met O\n"
    text = "".join(f"{mark}Ada B-PER\n{more * (length - 1)}\n" for mark, length in parts)
    (folder / "train.conll").write_text(text)
    config = DataConfig(format="conll", path=str(folder), train="train.conll", validation=None, test=None)
    trained = read_corpus(config).splits["train"][DOCUMENT_ID]
    tagged = [record.document for record in read(folder / "train.conll") if isinstance(record, Record)]
    assert tagged == list(trained)
