"""Several seeds in one command: a run folder each, one report, and going on after a stop."""

import json
import statistics
import time
from pathlib import Path

import pytest
from corpora import make_corpus, settings
from test_run import command, weights

from seqtag import evaluate, train
from seqtag.errors import InputError
from seqtag.training import seeds
from seqtag.training.run_directory import RunDirectory
from seqtag.training.seeds import summarize


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_corpus(tmp_path_factory.mktemp("corpus") / "corpus", train=60)


def test_each_seed_is_the_run_it_would_be_alone_and_the_report_their_mean(corpus: Path, tmp_path: Path) -> None:
    flags = settings(corpus, training__epochs=2)
    assert train.main([*flags, "--seeds", "2,1", "--output", str(tmp_path / "both")]) == 0
    assert train.main([*flags, "--seed", "2", "--output", str(tmp_path / "alone")]) == 0
    assert weights(tmp_path / "both" / "seed-2") == weights(tmp_path / "alone")
    assert weights(tmp_path / "both" / "seed-1") != weights(tmp_path / "alone")
    with pytest.raises(InputError, match="holds runs of several seeds; name one of them"):
        evaluate.main(["--model", str(tmp_path / "both")])
    together = json.loads((tmp_path / "both" / "report.json").read_text())
    runs = [json.loads((tmp_path / "both" / f"seed-{seed}" / "report.json").read_text()) for seed in (2, 1)]
    assert together["runs"] == runs
    assert together["seeds"] == [2, 1]
    scores = [run["splits"]["test"]["f1"] for run in runs]
    assert together["mean"]["test"]["f1"] == pytest.approx(statistics.mean(scores))
    assert together["std"]["test"]["f1"] == pytest.approx(statistics.stdev(scores))
    assert "seeds 2, 1" in (tmp_path / "both" / "report.txt").read_text()


@pytest.mark.slow
def test_a_killed_run_goes_on_with_the_seeds_it_was_given(corpus: Path, tmp_path: Path) -> None:
    flags = settings(corpus, training__epochs=4)
    folder = tmp_path / "run"
    process = command(*flags, "--seeds", "1,2", "--output", str(folder))
    until = time.monotonic() + 120
    while not (folder / "seed-2" / "log.jsonl").exists():
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.02)
    process.kill()
    process.communicate()
    first = folder / "seed-1" / "model" / "model.safetensors"
    written = first.stat().st_mtime_ns
    assert train.main(["--output", str(folder), "--resume"]) == 0
    assert first.stat().st_mtime_ns == written  # finished before, and left alone
    assert train.main([*flags, "--seed", "2", "--output", str(tmp_path / "alone")]) == 0
    assert weights(folder / "seed-2") == weights(tmp_path / "alone")
    assert json.loads((folder / "report.json").read_text())["seeds"] == [1, 2]

    with pytest.raises(InputError, match="holds a run of seed 1 too"):
        train.main(["--output", str(folder), "--resume", "--seeds", "2,3"])
    with pytest.raises(InputError, match="holds a run of one seed"):
        train.main(["--output", str(tmp_path / "alone"), "--resume", "--seeds", "2,3"])


def test_seeds_added_to_a_finished_run_are_known_before_they_are_trained(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flags = [*settings(corpus, training__epochs=1), "--output", str(tmp_path / "run")]
    assert train.main([*flags, "--seeds", "1"]) == 0

    def stop(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(seeds, "train", stop)
    with pytest.raises(KeyboardInterrupt):
        train.main([*flags, "--seeds", "1,2,3", "--resume"])
    assert RunDirectory(tmp_path / "run").seeds() == [1, 2, 3]
    assert not (tmp_path / "run" / "report.json").exists()
    assert (tmp_path / "run" / "seed-1" / "report.json").exists()


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        (["--seeds", "1,2", "--seed", "1"], "give one of them"),
        (["--seeds", "1;2"], "whole numbers with commas"),
        (["--seeds", "1,1"], "names a seed twice"),
    ],
)
def test_what_is_wrong_with_seeds_is_said(flags: list[str], complaint: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=complaint):
        train.main([*flags, "--output", str(tmp_path / "run")])
    assert not (tmp_path / "run").exists()


def test_a_score_counts_where_every_run_has_it() -> None:
    def report(seed: int, splits: dict) -> dict:
        return {"task": "ner", "seed": seed, "splits": {"test": splits}}

    first = {"f1": 0.5, "per_label": {"A": {"f1": 0.1, "support": 3}, "B": {"f1": 1.0}}, "f1_ci95": [0.0, 1.0]}
    second = {"f1": 0.7, "per_label": {"A": {"f1": 0.3, "support": 3}}, "f1_ci95": [0.0, 1.0]}
    together = summarize([report(1, first), report(2, second)])
    assert together["mean"]["test"]["f1"] == pytest.approx(0.6)
    assert together["std"]["test"]["f1"] == pytest.approx(0.02**0.5)
    assert together["mean"]["test"]["per_label"] == {"A": {"f1": pytest.approx(0.2)}}
    assert summarize([report(1, first)])["std"]["test"]["f1"] is None
