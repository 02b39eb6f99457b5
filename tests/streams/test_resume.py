"""Whatever interrupts, and wherever: what is on disk is valid, and `--resume` ends in the same output."""

import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from stand_in import StandIn, content, documents, run, use
from tiny_model import WORDS

from seqtag.document import Document, InDocument
from seqtag.errors import InputError
from seqtag.streams import progress, tagging

KINDS = ["jsonl", "conll", "html", "parquet"]
COUNT = 23


@pytest.fixture(autouse=True)
def _small_stretches(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, StandIn)
    monkeypatch.setattr(tagging, "_LIMITS", tagging._LIMITS._replace(inputs=4))
    monkeypatch.setattr(progress, "_EVERY", 0)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Records of several kinds, bad ones among them: two in a row, one that ends a stretch, the last."""
    path = tmp_path / "in" / "x.jsonl"
    path.parent.mkdir()
    lines = []
    for number in range(COUNT):
        text = " ".join(WORDS[number % 7 : number % 7 + number % 11])
        fields = {"id": number} if number % 3 else {"note": "n"}
        lines.append(json.dumps(({"tokens": text.split()} if number % 5 == 4 else {"text": text}) | fields))
    for number in (5, 6, 12, COUNT - 1):
        lines[number] = "bad"
    path.write_text("\n".join(lines))
    return path


class Interrupted(StandIn):
    """Stopped at the document of a number."""

    def __init__(self, at: int) -> None:
        self.left = at

    def tag(self, given: Any, **options: Any) -> Iterator[Document]:
        for document in documents(given):
            if not self.left:
                raise KeyboardInterrupt
            self.left -= 1
            yield document


def command(source: Path, output: Path, *flags: str) -> None:
    run("--input", source, "--output", output, "--on-error", "skip", *flags)


def same(own: Any, other: Any) -> bool:
    return own.equals(other) if hasattr(own, "equals") else own == other


def summary(text: str) -> str:
    """The line at the end without what earlier sittings and the clock have to do with."""
    return re.sub(r", \d+ of them before|; .*", "", text.splitlines()[-1])


@pytest.mark.parametrize("kind", KINDS)
def test_an_interrupted_output_is_valid_and_ends_the_same(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    whole = tmp_path / f"whole.{kind}"
    command(source, whole)
    expected, told = content(whole), summary(capsys.readouterr().err)
    for first in range(0, COUNT - 4):
        output = tmp_path / f"{first}.{kind}"
        for at in (first, 9):
            use(monkeypatch, Interrupted(at))
            with suppress(KeyboardInterrupt):
                command(source, output, "--resume")
            if not output.with_name(f"{output.name}.progress").exists():
                break
            check_valid(output)
        use(monkeypatch, StandIn)
        if output.with_name(f"{output.name}.progress").exists():
            capsys.readouterr()
            command(source, output, "--resume")
            assert summary(capsys.readouterr().err) == told
        assert same(content(output), expected), f"interrupted at {first}"
    assert not [path for path in tmp_path.iterdir() if path.suffix in (".progress", ".parts", ".tmp")]


def check_valid(output: Path) -> None:
    """Each format on its own terms."""
    if output.suffix == ".parquet":
        for part in (output.parent / f"{output.name}.parts").glob("*.parquet"):
            pq.read_table(part)
        return
    text = output.read_text()
    if output.suffix == ".jsonl":
        assert all(json.loads(line) for line in text.splitlines())
        assert text == "" or text.endswith("}\n")
    elif output.suffix == ".html":
        assert text.endswith("</body>\n</html>\n")
        assert text.count("</html>") == 1
    else:
        assert text == "" or text.endswith("\n\n")


CALLS = ["write", "ftruncate", "replace", "unlink", "mkdir", "rmdir"]


def states(folder: Path, copies: Path, monkeypatch: pytest.MonkeyPatch, work: Callable[[], None]) -> list[Path]:
    """Copies of a folder as it is before and after each call that changes it, and in the middle of each write."""
    found: dict[frozenset[Any], Path] = {}
    busy = False

    def keep() -> None:
        nonlocal busy
        busy = True
        state = frozenset((path, path.is_file() and path.read_bytes()) for path in folder.rglob("*"))
        if state not in found:
            found[state] = shutil.copytree(folder, copies / str(len(found)))
        busy = False

    def watched(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def watching(*arguments: Any, **settings: Any) -> Any:
            if busy:
                return call(*arguments, **settings)
            keep()
            if name == "write" and len(arguments[1]) > 1:
                arguments = (arguments[0], arguments[1][: len(arguments[1]) // 2])
            result = call(*arguments, **settings)
            keep()
            return result

        return watching

    with monkeypatch.context() as patch:
        for name in CALLS:
            patch.setattr(os, name, watched(name, getattr(os, name)))
        work()
    return list(found.values())


@pytest.mark.parametrize("kind", KINDS)
def test_a_process_killed_at_any_moment_ends_the_same(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Also a second time, while going on: before the first FILE.progress, within a part, while parts are joined."""
    whole = tmp_path / f"whole.{kind}"
    command(source, whole)
    (tmp_path / "work").mkdir()
    (tmp_path / "copies").mkdir()
    (tmp_path / "again").mkdir()
    output = tmp_path / "work" / f"y.{kind}"
    found = states(output.parent, tmp_path / "copies", monkeypatch, lambda: command(source, output))
    assert len(found) > 20
    again = tmp_path / "again" / "y"
    shutil.copytree(found[len(found) // 2], again)
    found += states(again, tmp_path / "again", monkeypatch, lambda: command(source, again / output.name, "--resume"))
    for copy in found:
        output = copy / f"y.{kind}"
        if output.exists() and not output.with_name(f"{output.name}.progress").exists():
            assert same(content(output), content(whole)), copy
            continue
        command(source, output, "--resume")
        assert same(content(output), content(whole)), copy
        assert [path.name for path in copy.iterdir()] == [output.name]


@pytest.fixture
def interrupted(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    def interrupt(kind: str) -> Path:
        output = tmp_path / f"y.{kind}"
        use(monkeypatch, Interrupted(12))
        with pytest.raises(KeyboardInterrupt):
            command(source, output)
        use(monkeypatch, StandIn)
        return output

    return interrupt


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--min-score", "0.5"], "--resume: --min-score was 0.0 and is 0.5 now; it must not change"),
        (["--no-split"], "--resume: --no-split was false and is true now"),
        (["--tokens"], "--resume: --tokens was false"),
        (["--text-column", "text"], '--resume: --text-column was null and is "text" now'),
        (["--output-format", "html"], '--resume: --output-format was "jsonl" and is "html" now'),
        (["--model", "other"], '--resume: --model was "stand-in" and is "other" now'),
    ],
)
def test_settings_must_not_change(
    source: Path, interrupted: Callable[[str], Path], flags: list[str], message: str
) -> None:
    output = interrupted("jsonl")
    before = output.read_bytes()
    with pytest.raises(InputError, match=re.escape(message)):
        command(source, output, "--resume", *flags)
    assert output.read_bytes() == before


def test_what_is_there_is_not_overwritten(source: Path, interrupted: Callable[[str], Path]) -> None:
    output = interrupted("jsonl")
    before = output.read_bytes()
    with pytest.raises(InputError, match=r"y\.jsonl: is there already and not complete; go on with --resume"):
        command(source, output)
    assert output.read_bytes() == before
    command(source, output, "--resume")
    with pytest.raises(InputError, match="is there already; name another file or remove it"):
        command(source, output)
    with pytest.raises(InputError, match="it is complete, so there is nothing to resume"):
        command(source, output, "--resume")
    folder = output.with_name("z.parquet.parts")
    folder.mkdir()
    (folder / "mine").touch()
    with pytest.raises(InputError, match=r"z\.parquet\.parts is there already"):
        command(source, output.with_name("z.parquet"))
    assert (folder / "mine").exists()


@pytest.mark.parametrize("change", [('"id": 1', '"id": 0'), ('"tokens"', '"Tokens"'), ("bad", '{"text": "mended"}')])
def test_another_input_is_noticed_where_it_is_done(
    source: Path, interrupted: Callable[[str], Path], change: tuple[str, str]
) -> None:
    output, text = interrupted("jsonl"), source.read_text()
    before = output.read_bytes()
    source.write_text(text.replace(*change, 1))
    with pytest.raises(InputError, match="--resume: the first 15 records of the input are not those that are done"):
        command(source, output, "--resume")
    assert output.read_bytes() == before
    lines = text.split("\n")
    source.write_text("\n".join([*lines[:15], '{"text": "mended"}', *lines[16:]]))
    command(source, output, "--resume")
    assert json.loads(output.read_text().splitlines()[12])["text"] == "mended"


def test_a_shorter_input_is_not_taken_for_the_end(source: Path, interrupted: Callable[[str], Path]) -> None:
    output = interrupted("jsonl")
    source.write_text('{"text": "a"}\n')
    with pytest.raises(InputError, match="--resume: 15 records are done, but the input has 1; give the same one"):
        command(source, output, "--resume")
    assert output.with_name("y.jsonl.progress").exists()


@pytest.mark.parametrize(
    "damage", ["", "[]", "{}", '{"settings": 1, "done": {}}', '{"settings": {}, "done": {"x": 1}}']
)
def test_a_damaged_progress_file_is_named(source: Path, interrupted: Callable[[str], Path], damage: str) -> None:
    output = interrupted("jsonl")
    output.with_name("y.jsonl.progress").write_text(damage)
    with pytest.raises(InputError, match=r"y\.jsonl\.progress: is damaged; remove it and .*y\.jsonl, and begin anew"):
        command(source, output, "--resume")


@pytest.mark.parametrize("kind", KINDS)
def test_an_output_that_has_lost_something_is_not_gone_on_with(
    source: Path, interrupted: Callable[[str], Path], kind: str
) -> None:
    output = interrupted(kind)
    if kind == "parquet":
        (output.with_name("y.parquet.parts") / "part-000000.parquet").unlink()
    else:
        os.truncate(output, 10)
    with pytest.raises(InputError, match=r"is shorter than it was|part files are missing"):
        command(source, output, "--resume")
    assert output.with_name(f"y.{kind}.progress").exists()


def test_standard_input_goes_on_when_it_is_given_again(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command(source, tmp_path / "whole.jsonl")
    output = tmp_path / "y.jsonl"
    flags = ("--format", "jsonl", "--output", output, "--on-error", "skip")
    for tagger in (Interrupted(12), StandIn):
        use(monkeypatch, tagger)
        with open(source) as file, monkeypatch.context() as patch:
            patch.setattr("sys.stdin", file)
            try:
                run(*flags, "--resume")
            except KeyboardInterrupt:
                assert tagger is not StandIn
    assert output.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()


@pytest.mark.parametrize("kind", KINDS)
def test_after_a_bad_record_is_mended_the_work_goes_on(source: Path, tmp_path: Path, kind: str) -> None:
    output = tmp_path / f"y.{kind}"
    lines = source.read_text().splitlines()
    for number in (5, 6, 12, COUNT - 1):
        with pytest.raises(InputError, match=f"x.jsonl:{number + 1}: not valid JSON"):
            run("--input", source, "--output", output, "--resume")
        check_valid(output)
        if kind == "jsonl":
            assert len(output.read_text().splitlines()) == number, "what stands before the bad record is not there"
        lines[number] = '{"text": "Mended"}'
        source.write_text("\n".join(lines))
    run("--input", source, "--output", output, "--resume")
    run("--input", source, "--output", tmp_path / f"whole.{kind}")
    assert same(content(output), content(tmp_path / f"whole.{kind}"))


def test_a_document_is_given_to_the_tagger_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tagging, "_LIMITS", tagging._LIMITS._replace(inputs=2))
    names = ["a"] * 6 + ["b", None, None, None]
    records = [{"text": f"Word{index} x", "document_id": name} for index, name in enumerate(names)]
    (tmp_path / "x.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    run("--input", tmp_path / "x.jsonl", "--output", tmp_path / "y.jsonl")
    found = [json.loads(line)["entities"][0]["score"] for line in (tmp_path / "y.jsonl").read_text().splitlines()]
    given = [
        record["text"] if record["document_id"] is None else InDocument(record["text"], record["document_id"])
        for record in records
    ]
    calls = [given[:6], given[6:8], given[8:]]
    expected = [document.entities[0].score for call in calls for document in documents(call)]
    assert found == pytest.approx(expected, abs=1e-6)
