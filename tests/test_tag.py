"""`seqtag tag` as its users meet it: formats in and out, mistakes, signals, pipes."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from tiny_model import WORDS, tiny_model

import seqtag
from seqtag import tag
from seqtag.errors import InputError
from seqtag.tagging.model_directory import save_model

TEXT = "Ada met Bo in Rome .\n\nThey paid $ 1,000 on 3 May ."


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "model"
    save_model(tiny_model(encoder="rnn", head="softmax", char_encoder="none"), path)
    return path


@pytest.fixture(scope="session")
def network(model: Path) -> seqtag.Tagger:
    return seqtag.load(str(model))


Run = Callable[..., int]


@pytest.fixture
def run(model: Path, network: seqtag.Tagger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command in this process and in an empty folder, with a model that is compiled already."""
    from seqtag.tagging.tagger import Tagger

    def load(name: str, revision: str | None, precision: str) -> seqtag.Tagger:
        assert (name, revision, precision) == (str(model), None, "float32")
        return network

    monkeypatch.setattr(Tagger, "load", staticmethod(load))
    monkeypatch.setattr("seqtag.process.tune_allocator", lambda: None)
    monkeypatch.setattr("seqtag.process.keep_compiled_programs", lambda: None)
    monkeypatch.setattr("seqtag.process.leave_loaded_objects_alone", lambda: None)
    monkeypatch.chdir(tmp_path)
    return lambda *argv: tag.main(["--model", str(model), *argv])


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """For processes of their own: programs are compiled once."""
    return {**os.environ, "XDG_CACHE_HOME": str(tmp_path_factory.mktemp("cache")), "SEQTAG_TRACEBACK": ""}


@pytest.fixture
def start(model: Path, environment: dict[str, str], tmp_path: Path) -> Callable[..., subprocess.Popen[str]]:
    def begin(*argv: str, **settings: Any) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "seqtag", "tag", "--model", str(model), *argv]
        return subprocess.Popen(
            command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True, encoding="utf-8", **settings
        )

    return begin


def test_every_format_in_gives_the_same_entities_in_every_format_out(run: Run, tmp_path: Path) -> None:
    texts = TEXT.split("\n")
    Path("x.txt").write_text(TEXT)
    Path("x.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    for name in ("x.txt", "x.jsonl"):
        assert run("--input", name, "--output", f"{name}.out") == 0
    found = [json.loads(line) for line in Path("x.txt.out").read_text().splitlines()]
    assert Path("x.jsonl.out").read_text() == Path("x.txt.out").read_text()
    assert [record["text"] for record in found] == texts
    assert sum(len(record["entities"]) for record in found) > 4
    assert run("--input", "x.jsonl", "--output", "x.parquet") == 0
    assert pq.read_table("x.parquet").to_pylist() == found
    assert run("--input", "x.parquet", "--output", "y.parquet", "--n-best", "2") == 0
    best = pq.read_table("y.parquet").to_pylist()
    assert [[tagging["entities"] for tagging in row["n_best"][:1]] for row in best if row["text"]]
    assert [row["input_entities"] for row in best] == [record["entities"] for record in found]
    Path("x.conll").write_text("\n\n".join("\n".join(text.split()) for text in texts))
    assert run("--input", "x.conll", "--output", "y.conll") == 0
    assert run("--input", "x.txt", "--output", "z.conll") == 0
    columns = [line.replace(" ", "\t") for line in Path("y.conll").read_text().splitlines()]
    of_texts = [line for line in Path("z.conll").read_text().splitlines() if line not in ("", "# newdoc")]
    assert [line for line in columns if line] == of_texts
    assert run("--input", "x.txt", "--output", "x.html") == 0
    assert Path("x.html").read_text().count("<mark") == sum(len(record["entities"]) for record in found)
    assert not [path for path in tmp_path.iterdir() if path.suffix in (".progress", ".parts", ".tmp")]


def test_standard_input_and_output(run: Run, capfd: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    Path("x.txt").write_text(TEXT)
    with open("x.txt") as file:
        monkeypatch.setattr("sys.stdin", file)
        assert run() == 0
    out, err = capfd.readouterr()
    assert [json.loads(line)["text"] for line in out.splitlines()] == TEXT.split("\n")
    assert err.startswith("3 texts, ")
    assert err.count("\n") == 1, "a progress bar where there is no terminal"
    assert run("--input", "x.txt", "--whole", "--output-format", "jsonl") == 0
    assert json.loads(capfd.readouterr().out)["text"] == TEXT
    assert run("--input", "x.txt", "--output-format", "terminal") == 0
    shown = capfd.readouterr().out.splitlines()
    assert len(shown) == 3
    assert any(f" {label}" in shown[0] + shown[2] for label in ("LOC", "PER"))


def test_bad_records_are_skipped_by_number_or_end_the_work(run: Run, capfd: pytest.CaptureFixture[str]) -> None:
    Path("x.jsonl").write_text('{"text": "Ada"}\n{\n{"text": "Bo"}\n3\n')
    with pytest.raises(InputError, match=r"x\.jsonl:2: not valid JSON"):
        run("--input", "x.jsonl", "--output", "y.jsonl")
    assert [json.loads(line)["text"] for line in Path("y.jsonl").read_text().splitlines()] == ["Ada"]
    assert run("--input", "x.jsonl", "--output", "y.jsonl", "--resume", "--on-error", "skip") == 0
    assert [json.loads(line)["text"] for line in Path("y.jsonl").read_text().splitlines()] == ["Ada", "Bo"]
    first, second, told = capfd.readouterr().err.splitlines()
    assert first.startswith("seqtag: skipped: x.jsonl:2: not valid JSON")
    assert second == "seqtag: skipped: x.jsonl:4: not a JSON object; write one record a line, not an array"
    assert ", 2 records skipped; " in told


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--input", "no.txt"], "--input no.txt: cannot be read: No such file or directory"),
        (["--input", "no.txt", "--output", "x.txt"], "--input no.txt: cannot be read"),
        (["--input", "x.txt", "--output", "x.txt"], "--output x.txt: is the input"),
        (["--input", "x.txt", "--output", "link"], "--output link: is the input"),
        (["--input", "x.txt", "--output", "other"], "--output other: is there already; name another file"),
        (["--input", "x.txt", "--output", "."], r"--output \.: is a folder; name a file in it"),
        (
            ["--input", "x.txt", "--output", "/dev/null"],
            "no ordinary file; leave --output out and redirect: > /dev/null",
        ),
        (["--input", "x.txt", "--output", "no/y"], "--output no/y: there is no folder no"),
        (["--input", "x.txt", "--output-format", "parquet"], "--output-format parquet: cannot go to standard output"),
        (["--input", "x.txt", "--resume"], "--resume: standard output cannot be resumed"),
        (["--input", "x.txt", "--output", "y", "--output-format", "terminal"], "terminal: is for standard output"),
        (["--input", "x.txt", "--output", "y.conll", "--n-best", "2"], "--n-best: conll cannot hold them"),
        (["--input", "x.txt", "--output", "y.html", "--tokens"], "--tokens: html cannot hold them"),
        (["--input", "x.txt", "--min-score", "2"], "min_score is a probability, from 0 to 1, not 2"),
        (["--input", "x.txt", "--format", "csv"], "invalid choice: 'csv'"),
        (["--input", "x.txt", "--outptu", "y"], r"unknown flag --outptu; did you mean --output\?"),
        (["--format", "parquet"], "--format parquet: cannot come from standard input"),
    ],
)
def test_a_mistake_is_one_sentence_and_changes_nothing(run: Run, tmp_path: Path, argv: list[str], message: str) -> None:
    (tmp_path / "x.txt").write_text(TEXT)
    (tmp_path / "other").write_text("mine")
    (tmp_path / "link").symlink_to("x.txt")
    with pytest.raises(InputError, match=message) as raised:
        run(*argv)
    assert "\n" not in str(raised.value)
    assert {path.name for path in tmp_path.iterdir()} == {"x.txt", "other", "link"}
    assert (tmp_path / "x.txt").read_text() == TEXT
    assert (tmp_path / "other").read_text() == "mine"


def test_names_that_look_like_numbers_are_names(run: Run) -> None:
    Path("123").write_text('{"1": ["Ada"]}\n')
    assert run("--input", "123", "--format", "jsonl", "--token-column", "1", "--output", "456") == 0
    assert json.loads(Path("456").read_text())["tokens"] == ["Ada"]


def test_no_model_is_no_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("x.txt").write_text(TEXT)
    with pytest.raises(InputError, match="--model: name a model folder"):
        tag.main(["--input", "x.txt"])
    with pytest.raises(InputError, match="none: no such folder"):
        tag.main(["--model", "none", "--input", "x.txt", "--output", "y"])
    assert {path.name for path in tmp_path.iterdir()} == {"x.txt"}


def test_batches_do_not_depend_on_interruptions(
    run: Run, network: seqtag.Tagger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Scores are rounded differently in batches of other shapes, so the same batches must come again."""
    from seqtag.streams import progress, tagging
    from seqtag.tagging.tagger import Tagger

    class Interrupted:
        def __init__(self, at: int) -> None:
            self.left = at

        def tag(self, given: Any, **options: Any) -> Iterator[seqtag.Document]:
            for document in network.tag(given, **options):
                if not self.left:
                    raise KeyboardInterrupt
                self.left -= 1
                yield document

    monkeypatch.setattr(tagging, "_LIMITS", tagging._LIMITS._replace(inputs=20))
    monkeypatch.setattr(progress, "_EVERY", 0)
    Path("x.txt").write_text("\n".join(" ".join(WORDS[n % 5 : n % 5 + 1 + n % 10]) for n in range(60)))
    assert run("--input", "x.txt", "--output", "whole") == 0
    for at in (7, 20, 31, 59):
        with monkeypatch.context() as patch:
            patch.setattr(Tagger, "load", lambda *_, at=at: Interrupted(at))
            with pytest.raises(KeyboardInterrupt):
                run("--input", "x.txt", "--output", f"{at}")
        assert len(Path(f"{at}").read_text().splitlines()) == at, "what was tagged is not there"
        assert run("--input", "x.txt", "--output", f"{at}", "--resume") == 0
        assert Path(f"{at}").read_bytes() == Path("whole").read_bytes()


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (signal.SIGINT, "jsonl"),
        (signal.SIGTERM, "parquet"),
        (signal.SIGKILL, "jsonl"),
        pytest.param(signal.SIGINT, "parquet", marks=pytest.mark.slow),
        pytest.param(signal.SIGTERM, "jsonl", marks=pytest.mark.slow),
        pytest.param(signal.SIGKILL, "parquet", marks=pytest.mark.slow),
    ],
)
def test_a_stopped_process_leaves_what_can_be_gone_on_with(
    start: Callable[..., subprocess.Popen[str]], run: Run, tmp_path: Path, number: signal.Signals, kind: str
) -> None:
    """Stopped while the input, a pipe, is still open: what has come so far is tagged or waiting."""
    # Long, so that parts are full and tagged while there is more to come, but with little to do.
    lines = "".join(" ".join(WORDS[index % 5 :]) + " " * 10_000 + "\n" for index in range(90))
    (tmp_path / "x.txt").write_text(lines)
    output = tmp_path / f"y.{kind}"
    with start("--output", str(output), stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        try:
            process.stdin.write(lines)
            process.stdin.flush()
            parts = tmp_path / "y.parquet.parts"
            until = time.monotonic() + 60
            while not (output.exists() and output.stat().st_size) and not (parts.exists() and kind == "parquet"):
                assert process.poll() is None, process.stderr.read()
                assert time.monotonic() < until
                time.sleep(0.01)
            process.send_signal(number)
            code = process.wait(60)
        finally:
            process.kill()
        told = process.stderr.read()
    if number == signal.SIGKILL:
        assert code == -signal.SIGKILL
    else:
        assert code == 128 + number
        assert told.count("\n") == 1
        if kind == "jsonl":
            texts = [json.loads(line)["text"] for line in output.read_text().splitlines()]
            assert texts
            assert texts == lines.splitlines()[: len(texts)]
    with open(tmp_path / "x.txt") as file, pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdin", file)
        assert run("--output", str(output), "--resume") == 0
    assert run("--input", "x.txt", "--output", f"whole.{kind}") == 0
    if kind == "parquet":
        assert pq.read_table(output).equals(pq.read_table("whole.parquet"))
    else:
        assert output.read_bytes() == Path("whole.jsonl").read_bytes()


def test_a_pipe_that_is_closed_ends_it_quietly(start: Callable[..., subprocess.Popen[str]], tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text((" ".join(WORDS) + "\n") * 1000)
    with start("--input", "x.txt", stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert json.loads(process.stdout.readline())["text"] == " ".join(WORDS)
        process.stdout.close()
        assert process.wait(60) == 1
        assert process.stderr.read() == ""


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
def test_a_full_disk_is_one_line(start: Callable[..., subprocess.Popen[str]], tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text(TEXT)
    with open("/dev/full", "w") as full, start("--input", "x.txt", stdout=full) as process:
        assert process.stderr is not None
        assert process.wait(60) == 1
        assert process.stderr.read() == "seqtag: No space left on device\n"


def test_a_mistake_ends_with_2_and_a_line(start: Callable[..., subprocess.Popen[str]]) -> None:
    with start("--input", "no.txt", stdout=subprocess.PIPE) as process:
        assert process.communicate(timeout=60) == (
            "",
            "seqtag: --input no.txt: cannot be read: No such file or directory\n",
        )
        assert process.returncode == 2
