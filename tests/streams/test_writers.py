"""What is written: valid in its format, and everything that came in is in it."""

import json
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stand_in import StandIn, content, document, run, use

from seqtag.config import DataConfig
from seqtag.data.document_ids import document_numbers
from seqtag.data.example import Ledger
from seqtag.data.jsonl import JsonlReader
from seqtag.document import Entity
from seqtag.errors import InputError
from seqtag.schemes import tags_to_spans
from seqtag.streams.fields import fields_of, kept_names, record_of
from seqtag.streams.reading import open_reader
from seqtag.streams.record import Record, Unwritable
from seqtag.streams.writing import ConllWriter, JsonlWriter, Sink


@pytest.fixture(autouse=True)
def _stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, StandIn)


def written(path: Path, writer: Any, records: Sequence[Record]) -> bytes:
    for record in records:
        writer.write(record, document(record.given))
    writer.close()
    return path.read_bytes()


def jsonl(path: Path, *records: Record, with_tokens: bool = False) -> list[dict[str, Any]]:
    data = written(path, JsonlWriter(Sink(path), with_tokens), records)
    return [json.loads(line) for line in data.decode().splitlines()]


def conll(path: Path, *records: Record) -> str:
    return written(path, ConllWriter(Sink(path)), records).decode()


def test_json_lines_hold_what_came_and_what_was_found(tmp_path: Path) -> None:
    entity = {"text": "Ada", "label": "X", "start": 0, "end": 3, "score": 0.5}
    text, tokens = jsonl(
        tmp_path / "x", Record("", "Ada ran", {"id": 7, "é": [None]}), Record("", ["Ada", "ran"], {"id": 8})
    )
    assert text == {"id": 7, "é": [None], "text": "Ada ran", "entities": [entity]}
    assert tokens == {
        "id": 8,
        "tokens": ["Ada", "ran"],
        "tags": ["B-X", "O"],
        "scores": [0.5, 0.5],
        "text": "Ada ran",
        "entities": [entity],
    }
    (text,) = jsonl(tmp_path / "y", Record("", "Ada ran"), with_tokens=True)
    assert text["tokens"][1] == {"text": "ran", "start": 4, "end": 7, "tag": "O", "score": 0.5}


@given(st.text(st.characters()), st.floats(0, 1), st.booleans())
def test_a_line_is_what_json_makes_of_its_fields(text: str, score: float, with_tokens: bool) -> None:
    for given_ in (text, text.split()):
        for carried in ({}, {"id": text}):
            record, tagged = Record("", given_, carried), document(given_, score)
            tagged.entities.append(Entity(text, text, 0, len(text), score))
            values = fields_of(record, tagged, with_tokens)
            line = json.dumps(values, ensure_ascii=False)
            try:
                expected = f"{line}\n".encode()
            except UnicodeEncodeError:
                expected = f"{json.dumps(values)}\n".encode()
            lines: list[bytes] = []
            JsonlWriter(SimpleNamespace(add=lines.append), with_tokens).write(record, tagged)
            assert lines == [expected]


@given(
    st.dictionaries(
        st.sampled_from(
            "id text tokens tags scores entities n_best spans label input_tags input_entities input_input_tags".split()
        ),
        st.sampled_from([None, "x", [1], [["a"]]]),
    )
)
def test_no_field_displaces_another(carried: dict[str, Any]) -> None:
    names = kept_names(Record("", "", carried), labelled=False)
    assert len(set(names.values())) == len(carried)
    assert not set(names.values()) & {"text", "tokens", "tags", "scores", "entities", "n_best"}
    assert all(kept == name or kept.endswith(f"input_{name}") for name, kept in names.items())


@pytest.mark.parametrize("text", ["Ada \ud800 \0 ran", "\udfff", "Ada é 👨\u200d👩"])
def test_surrogates_and_nuls_are_carried(tmp_path: Path, text: str) -> None:
    (record,) = jsonl(tmp_path / "x", Record("", text, {"id": text}))
    assert record["text"] == record["id"] == text


def test_nuls_and_what_joins_letters_stand_in_columns(tmp_path: Path) -> None:
    tokens = ["\0", "é", "👨\u200d👩", "\u2028", "\v"]
    lines = conll(tmp_path / "y", Record("", tokens)).split("\n")
    assert [line.split("\t")[0] for line in lines[:-2]] == tokens


GOLD = [
    {"text": "Ada met Bo .", "entities": [[0, 7, "OLD"]], "tags": ["B-OLD", "O", "O", "O"], "tokens": ["Ada met Bo ."]},
    {"text": "nothing here", "entities": [[0, 7, "OLD"]]},
    {"text": "nothing here", "spans": [{"start": 0, "end": 7, "label": "OLD"}]},
    {"text": "nothing here", "label": [[0, 7, "OLD"]]},
    {"text": "nothing here", "annotations": [{"result": [{"value": {"start": 0, "end": 7, "labels": ["OLD"]}}]}]},
    {"tokens": ["Ada", "ran"], "tags": ["O", "B-OLD"]},
    {"text": "Ada", "label": "greeting"},
]


def test_what_is_written_reads_back_with_the_spans_that_were_found(tmp_path: Path) -> None:
    """By the reader of training data, and whatever gold labels the input had."""
    (tmp_path / "gold.jsonl").write_text("".join(json.dumps(record) + "\n" for record in GOLD))
    run("--input", tmp_path / "gold.jsonl", "--output", tmp_path / "tagged.jsonl")
    reader = JsonlReader(DataConfig(format="jsonl", path=str(tmp_path), train="tagged.jsonl"))
    found = [
        [(" ".join(example.tokens[span.start : span.end]), span.label) for span in tags_to_spans(example.tags or [])]
        for example in reader.examples("tagged.jsonl", Ledger("tagged.jsonl", strict=True))
    ]
    assert found == [[("Ada", "X"), ("Bo", "X")], [], [], [], [], [("Ada", "X")], [("Ada", "X")]]


SOURCE = """\
-DOCSTART- -X- O

# sent_id = 1
Eu NNP B-ORG
rejects\tx VBZ O

-DOCSTART- -X- O
Ada NNP B-PER


# a longer comment
# text = Bo
Bo  NNP B-PER
# NN O

# the very last one
"""


def test_columns_keep_every_line_and_gain_one_column(tmp_path: Path) -> None:
    (tmp_path / "x.conll").write_bytes(b"\xef\xbb\xbf" + SOURCE.encode())
    run("--input", tmp_path / "x.conll", "--output", tmp_path / "y.conll")
    lines, found = SOURCE.splitlines(), (tmp_path / "y.conll").read_text().splitlines()
    assert len(found) == len(lines)
    tags = iter(["O", "B-X", "O", "O", "B-X", "B-X", "O"])
    for line, tagged in zip(lines, found, strict=True):
        is_other = not line or line.startswith(("# sent", "# a", "# text", "# the"))
        assert tagged == (line if is_other else f"{line} {next(tags)}")


WORD = st.text(
    st.characters(exclude_characters="\t\n\r", exclude_categories=["Cs", "Zs", "Cc"]), min_size=1, max_size=5
)
ROW = st.tuples(WORD, WORD).map("\t".join)
LINE = st.one_of(st.just(""), st.just("-DOCSTART-\tO"), st.just("# a comment"), ROW, ROW, ROW)


@given(st.lists(LINE, max_size=20), st.booleans())
def test_no_line_of_columns_is_lost(tmp_path_factory: pytest.TempPathFactory, lines: list[str], ends: bool) -> None:
    """Blank lines apart, each line comes out once, in order, by itself or with one column more."""
    folder = tmp_path_factory.mktemp("columns")
    (folder / "x.conll").write_text("\n".join(["a\tb", *lines]) + "\n" * ends, encoding="utf-8", newline="\n")
    try:
        run("--input", folder / "x.conll", "--output", folder / "y.conll")
        is_whole = True
    except InputError:
        is_whole = False
    # Only a comment within a sentence is no line of columns.
    assert is_whole or "# a comment" in lines
    found = [line for line in (folder / "y.conll").read_text(encoding="utf-8").split("\n") if line]
    expected = [line for line in ["a\tb", *lines] if line]
    assert not is_whole or len(found) == len(expected)
    for line, tagged in zip(expected, found, strict=False):
        assert tagged == line or tagged in (f"{line}\tO", f"{line}\tB-X")
        assert tagged != line or line.startswith("#")


def test_texts_become_columns(tmp_path: Path) -> None:
    found = conll(
        tmp_path / "x",
        Record("", "Ada\tran", {"id": 1, "note": "two\nlines"}),
        Record("", "", {"id": 2}),
        Record("", "", {}),
        Record("", ["New York"]),
    )
    first, empty = "# newdoc\n# id = 1\n# note = two lines\nAda\tB-X\nran\tO\n\n", "# newdoc\n# id = 2\n\n# newdoc\n\n"
    assert found == f"{first}{empty}# newdoc\nNew York\tB-X\n\n"


IDS = st.sampled_from([None, "a", "b", ""])
PART = st.tuples(IDS, st.sampled_from(["Ada ran", ["Ada", "ran"]]))


@given(st.lists(PART, min_size=1, max_size=8), st.integers(0, 8))
def test_documents_come_back_from_columns(
    tmp_path_factory: pytest.TempPathFactory, parts: list[tuple[Any, Any]], stop: int
) -> None:
    """Which neighbours are of one document, whatever they are called and wherever the writing was interrupted."""
    path = tmp_path_factory.mktemp("columns") / "x.conll"
    fields = [{"tokens" if isinstance(given, list) else "text": given, "document_id": name} for name, given in parts]
    records = [record_of("", values, None, None) for values in fields]
    writer = ConllWriter(Sink(path))
    for number, record in enumerate(records):
        assert isinstance(record, Record)
        if number == stop:
            mark = writer.mark()
            writer.close()
            writer = ConllWriter(Sink(path, mark["bytes"]), mark["opened"])
        writer.write(record, document(record.given))
    writer.close()
    with closing(open_reader(str(path), "conll", False, None, None)) as reader:
        found = [record.document for record in reader if isinstance(record, Record)]
    numbers = document_numbers([None if name is None else str(name) for name, _ in parts])
    assert document_numbers(found).tolist() == numbers.tolist()


def test_a_field_does_not_open_a_document(tmp_path: Path) -> None:
    found = conll(tmp_path / "x", Record("", ["Ada"], {"newdoc": 1, "newdoc id": "b", "newdocument": 2}))
    assert found == "# input_newdoc = 1\n# input_newdoc id = b\n# newdocument = 2\nAda\tB-X\n\n"


@pytest.mark.parametrize("token", ["", "a\tb", "a\nb", "\r", "\ud800"])
def test_a_token_that_breaks_columns_is_refused_and_nothing_added(tmp_path: Path, token: str) -> None:
    writer = ConllWriter(Sink(tmp_path / "x"))
    writer.write(Record("", ["a"]), document(["a"]))
    with pytest.raises(Unwritable, match="cannot stand in a column"):
        writer.write(Record("", ["b", token]), document(["b", token]))
    writer.close()
    assert (tmp_path / "x").read_text() == "a\tO\n\n"


@pytest.mark.parametrize(("line", "tag"), [("a\t", "B-x\ty"), ("a\t", "B-x\ny"), ("a ", "B-x y"), ("a\t", "B-\udc00")])
def test_a_tag_that_breaks_columns_is_refused_too(tmp_path: Path, line: str, tag: str) -> None:
    writer = ConllWriter(Sink(tmp_path / "x"))
    for record in (Record("", ["a"], lines=[line]), Record("", ["a"])):
        if record.lines or line == "a\t":
            with pytest.raises(Unwritable, match="cannot stand in a column"):
                writer.write(record, replace(document(["a"]), tags=[tag]))
    writer.close()
    assert (tmp_path / "x").read_bytes() == b""


def test_what_is_said_of_a_text_stands_before_its_columns(tmp_path: Path) -> None:
    writer = ConllWriter(Sink(tmp_path / "x"))
    labelled = replace(document("a"), labelled=True, label="pos", score=0.91234567)
    writer.write(Record("", "a", {"label": "neg", "id": 3}), labelled)
    columns = Record("", ["a"], before=["# id = 4", "#label= neg"], lines=["a\t"])
    writer.write(columns, replace(document(["a"]), labelled=True, label="pos", score=0.5))
    writer.close()
    assert (tmp_path / "x").read_text().splitlines() == [
        *("# newdoc", "# input_label = neg", "# id = 3", "# label = pos", "# score = 0.912346", "a\tO", ""),
        *("# id = 4", "# input_label = neg", "# label = pos", "# score = 0.5", "a\tO", ""),
    ]


TYPES = pa.schema([
    ("text", pa.string()), ("tokens", pa.list_(pa.string())), ("day", pa.date32()), ("time", pa.timestamp("ns", "UTC")),
    ("price", pa.decimal128(9, 2)), ("raw", pa.binary()), ("kind", pa.dictionary(pa.int32(), pa.string())),
    ("map", pa.map_(pa.string(), pa.int64())), ("nested", pa.struct([("a", pa.list_(pa.int8()))])), ("none", pa.null()),
    ("entities", pa.list_(pa.int64())), ("n", pa.uint64()),
])  # fmt: skip


def test_columns_of_parquet_keep_their_types_and_values(tmp_path: Path) -> None:
    row = {"day": 1, "time": 1_234_567_890_123_456_789, "price": "1.20", "raw": b"\xff", "kind": "k", "n": 2**64 - 1}
    row |= {"map": [("k", 1)], "nested": {"a": [1, None]}, "none": None, "entities": [3]}
    columns = {name: [row.get(name), None, row.get(name)] for name in TYPES.names}
    columns["price"] = pa.array(columns["price"]).cast(TYPES.field("price").type)
    columns |= {"text": ["Ada", None, ""], "tokens": [None, ["Ada"], None]}
    table = pa.table({name: pa.array(columns[name], TYPES.field(name).type) for name in TYPES.names})
    pq.write_table(table, tmp_path / "x.parquet")
    run("--input", tmp_path / "x.parquet", "--output", tmp_path / "y.parquet")
    found = pq.read_table(tmp_path / "y.parquet")
    for name in TYPES.names[2:]:
        kept = "input_entities" if name == "entities" else name
        assert found[kept].combine_chunks().equals(table[name].combine_chunks()), name
    assert found["text"].to_pylist() == ["Ada", "Ada", ""]
    assert found["tokens"].to_pylist() == [None, ["Ada"], None]
    assert [len(entities) for entities in found["entities"].to_pylist()] == [1, 1, 0]
    assert not {"input_text", "input_tokens"} & set(found.column_names)


@pytest.mark.parametrize("flags", [[], ["--tokens"], ["--token-column", "words"]])
def test_an_empty_parquet_file_keeps_its_columns(tmp_path: Path, flags: list[str]) -> None:
    """As one with rows has them, so that the two can be read together."""
    schema = pa.schema([*TYPES, ("words", pa.list_(pa.string())), ("label", pa.list_(pa.int64()))])
    rows = [{"text": "Ada ran", "words": ["Ada"], "label": None}, {"text": "b", "words": [], "label": [1]}]
    pq.write_table(pa.Table.from_pylist(rows, schema), tmp_path / "full.parquet")
    pq.write_table(schema.empty_table(), tmp_path / "empty.parquet")
    for name in ("full", "empty"):
        run("--input", tmp_path / f"{name}.parquet", "--output", tmp_path / f"{name}-tagged.parquet", *flags)
    full, empty = (pq.read_table(tmp_path / f"{name}-tagged.parquet") for name in ("full", "empty"))
    assert empty.num_rows == 0
    assert set(full.schema) == set(empty.schema)
    assert full["input_label"].to_pylist() == [None, [1]]
    assert "label" not in full.column_names


@pytest.mark.parametrize("flags", [[], ["--tokens"]])
@pytest.mark.parametrize("rows", [1, 2, 1000])
def test_records_with_unlike_fields_share_one_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags: list[str], rows: int
) -> None:
    monkeypatch.setattr("seqtag.streams.parquet_writer._ROWS", rows)
    records = [
        {"text": "Ada", "id": 1},
        {"tokens": ["Ada", "ran"], "tags": ["O", "O"]},
        {"text": "b", "id": "x", "meta": {"a": [None]}},
        {"text": "c", "tokens": ["c"], "meta": None},
    ]
    (tmp_path / "x.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    run("--input", tmp_path / "x.jsonl", "--output", tmp_path / "y.parquet", *flags)
    found = pq.read_table(tmp_path / "y.parquet").to_pylist()
    assert [row["id"] for row in found] == ["1", None, "x", None]
    assert [row["meta"] for row in found] == [None, None, '{"a": [null]}', None]
    assert [row["input_tags"] for row in found] == [None, '["O", "O"]', None, None]
    assert found[3]["input_tokens"] == '["c"]'
    assert found[1]["tags"] == ["B-X", "O"]
    if flags:
        assert [[token["text"] for token in row["tokens"]] for row in found] == [["Ada"], ["Ada", "ran"], ["b"], ["c"]]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.jsonl", "y.parquet"]


def test_half_a_surrogate_pair_is_refused_by_parquet_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text('{"text": "Ada"}\n{"text": "\\ud800"}\n')
    with pytest.raises(InputError, match=r"x\.jsonl:2: half of a surrogate pair is not text to Parquet"):
        run("--input", tmp_path / "x.jsonl", "--output", tmp_path / "y.parquet")


@pytest.mark.parametrize("kind", ["jsonl", "conll", "html", "parquet"])
def test_nothing_in_is_nothing_out_in_a_valid_file(tmp_path: Path, kind: str) -> None:
    (tmp_path / "x.txt").touch()
    run("--input", tmp_path / "x.txt", "--output", tmp_path / f"y.{kind}")
    found = content(tmp_path / f"y.{kind}")
    if kind == "parquet":
        assert (len(found), found.column_names) == (0, ["text", "entities"])
    elif kind == "html":
        assert found.endswith(b"</html>\n")
    else:
        assert found == b""


def test_a_full_disk_leaves_whole_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from seqtag.streams import writing

    sink = Sink(tmp_path / "x")
    sink.add(b"first\n")
    sink.flush()
    write = writing.os.write
    room = [3, 0]

    def write_a_little(file: int, data: bytes) -> int:
        if not room[0]:
            raise OSError(28, "No space left on device")
        return write(file, data[: room.pop(0)])

    monkeypatch.setattr(writing.os, "write", write_a_little)
    sink.add(b"second\n")
    with pytest.raises(OSError, match="No space"):
        sink.close()
    assert (tmp_path / "x").read_bytes() == b"first\n"


def test_a_write_that_was_cut_short_is_made_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from seqtag.streams import writing

    sink = Sink(tmp_path / "x")
    sink.add(b"first\n")
    write = writing.os.write

    def write_and_stop(file: int, data: bytes) -> int:
        write(file, data[:3])
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(writing.os, "write", write_and_stop)
        with pytest.raises(KeyboardInterrupt):
            sink.flush()
    sink.close()
    assert (tmp_path / "x").read_bytes() == b"first\n"
