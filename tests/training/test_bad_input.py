"""What a user gets wrong is one sentence, and leaves nothing behind."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from corpora import make_corpus, sentences, settings, write_conll

from seqtag import check, evaluate, train
from seqtag.errors import InputError
from seqtag.training.run_directory import RunDirectory


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("bad")
    train.main([*settings(make_corpus(root / "corpus")), "--output", str(root / "run")])
    return root


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"data__train": "nothing.txt"}, "nothing.txt: there is no such file"),
        ({"data__validation": "empty"}, r"empty.txt: no sentences in it"),
        ({"data__train": "plain"}, "plain.txt: no labelled span in the training part"),
        ({"data__train": "blank"}, r"blank.txt: the label ' ' is blank or has a tab or a line break in it; rename it"),
        ({"data__tag_column": 0}, "check data.tag_column"),
        ({"data__tag_column": 5}, "data.tag_column is 5, but the line has 2 columns"),
        ({"data__validation": "plain"}, "plain.txt: nothing is labelled in the validation part"),
        ({"data__test": "plain"}, "plain.txt: nothing is labelled in the test part; .* check data.tag_column"),
        ({"training__seed": 2**32}, "training.seed must be at most 4294967295"),
        ({"model__word_vectors": "none.txt"}, "none.txt: cannot read the word vectors"),
        ({"model__word_vectors": "{corpus}/uneven.txt"}, "uneven.txt:2: not a word and 2 numbers"),
    ],
)
def test_nothing_is_written_when_the_data_are_wrong(tmp_path: Path, more: dict, message: str) -> None:
    corpus = make_corpus(tmp_path / "corpus")
    (corpus / "empty.txt").write_text("\n")
    (corpus / "plain.txt").write_text("a O\nb O\n")
    (corpus / "blank.txt").write_text("a\tO\nb\tB- \n")
    (corpus / "uneven.txt").write_text("a 1 2\nb 1\n")
    more = {name: str(value).format(corpus=corpus) for name, value in more.items()}
    with pytest.raises(InputError, match=message) as raised:
        train.main([*settings(corpus, **more), "--output", str(tmp_path / "run")])
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("part", ["train", "validation"])
def test_check_refuses_what_training_would(tmp_path: Path, part: str) -> None:
    corpus = make_corpus(tmp_path / "corpus")
    (corpus / "plain.txt").write_text("a O\nb O\n")
    with pytest.raises(InputError, match=r"plain.txt: (no labelled span|nothing is labelled)"):
        check.main(settings(corpus, **{f"data__{part}": "plain"}))


@pytest.mark.parametrize("content", ["a file", "a folder"])
def test_what_is_in_the_way_stays(tmp_path: Path, content: str) -> None:
    output = tmp_path / "run"
    kept = output if content == "a file" else output / "notes.txt"
    kept.parent.mkdir(exist_ok=True)
    kept.write_text("mine")
    with pytest.raises(InputError, match=r"is a file, not a folder|is not empty and holds no run"):
        train.main([*settings(make_corpus(tmp_path / "corpus")), "--output", str(output)])
    assert kept.read_text() == "mine"


@pytest.mark.parametrize("more", [[], ["--seeds", "1,2"]])
def test_a_start_that_was_killed_is_no_hindrance(tmp_path: Path, more: list[str]) -> None:
    """Whenever that was: the same command begins anew, and one of other seeds finds none of the old ones."""
    corpus, replace, unlink = make_corpus(tmp_path / "corpus"), os.replace, Path.unlink
    flags = settings(corpus, training__epochs=1)

    class Killed(BaseException):
        pass

    for survived in range(3 if more else 1):
        left = iter(range(survived + 1))

        def stop(*paths: Path, left: Iterator[int] = left, survived: int = survived) -> None:
            if Path(paths[1]).name == "config.yaml" and next(left) == survived:
                raise Killed
            replace(*paths)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "replace", stop)
            # Nor does a killed process tidy up.
            patch.setattr(Path, "unlink", lambda path, **how: None if path.suffix == ".tmp" else unlink(path, **how))
            with pytest.raises(Killed):
                train.main([*flags, *more, "--output", str(tmp_path / "run")])
        assert list((tmp_path / "run").rglob(".config.yaml.tmp"))
    assert train.main([*flags, *more[:1], *["3"] * bool(more), "--output", str(tmp_path / "run")]) == 0
    assert RunDirectory(tmp_path / "run").seeds() == ([3] if more else [])
    assert train.main(["--resume", "--output", str(tmp_path / "run")]) == 0


def test_a_folder_that_cannot_be_made_is_named_before_anything_is_read(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(InputError, match=r"runs/1: cannot be made, as .*notes.txt is not a folder"):
        train.main([*settings(tmp_path / "no corpus"), "--output", str(tmp_path / "notes.txt" / "runs" / "1")])


@pytest.mark.parametrize(
    ("flags", "message"),
    [(["--resume"], "name the run folder with --output"), (["--resume", "--output", "nowhere"], "holds no run")],
)
def test_what_cannot_be_resumed_is_said(flags: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        train.main(flags)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([], "--model: name a model folder"),
        (["--model", "{root}"], "holds no seqtag model"),
        (["--model", "{root}/run", "--data.test", "other.txt"], "none of its labels is known to .* which has LOC, PER"),
        (["--model", "{root}/run", "--data.test", "gone.txt"], "gone.txt: there is no such file"),
        (["--model", "{root}/run", "--data.test", "plain.txt"], "plain.txt: nothing is labelled in the test part"),
        (["--model", "{root}/run", "--data.test", "null", "--data.validation", "null"], "nothing to evaluate"),
        (["--model", "{root}/moved"], "does not tell what it was trained on"),
        (["--model", "{root}/run", "--report", "scores.csv"], "name a .json or a .txt file"),
    ],
)  # fmt: skip
def test_what_cannot_be_evaluated_is_said(finished: Path, flags: list[str], message: str) -> None:
    (finished / "corpus" / "other.txt").write_text("a B-Z\nb O\n")
    (finished / "corpus" / "plain.txt").write_text("a O\nb O\n")
    if not (finished / "moved").exists():
        (finished / "moved").mkdir()
        for path in (finished / "run" / "model").iterdir():
            (finished / "moved" / path.name).write_bytes(path.read_bytes())
    with pytest.raises(InputError, match=message):
        evaluate.main([flag.format(root=finished) for flag in flags])


def test_labels_that_only_evaluation_has_are_counted_as_misses(
    finished: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    made = sentences(20, seed=2)
    gold = sum(tag.startswith("B-") for _, tags in made for tag in tags)
    write_conll(finished / "corpus" / "more.txt", [*made, (["Oslo", "."], ["B-CITY", "O"])])
    report = tmp_path / "report.json"
    flags = ["--model", str(finished / "run"), "--data.test", "more.txt", "--split", "test"]
    assert evaluate.main([*flags, "--report", str(report)]) == 0
    assert "1 gold spans have labels unknown to the model and count as misses" in capsys.readouterr().out
    import json

    scores = json.loads(report.read_text())["splits"]["test"]
    assert (scores["unseen_labels"], scores["entities"]) == (1, gold + 1)
    assert scores["per_label"]["CITY"]["recall"] == 0.0
    assert scores["recall"] <= gold / (gold + 1)
