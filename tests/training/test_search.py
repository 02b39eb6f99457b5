"""Searching through the real command: what it leaves, what it cuts short, and going on after a stop."""

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import optuna
import pytest
from corpora import make_corpus, settings
from optuna.distributions import CategoricalDistribution, FloatDistribution
from test_run import lines, logged, weights

from seqtag import search, train
from seqtag.command_line import load_config
from seqtag.errors import InputError
from seqtag.stopping import Stopped
from seqtag.training import searching
from seqtag.training.run_directory import RunDirectory

SPACE = """
model.word_dropout: {low: 0.0, high: 0.5}
training.early_stopping: {choices: [2, 3, null]}
"""
"""Settings that no compiled program depends on: compiling is most of what a trial takes here."""


_QUICK = {
    "data.test": "gone.txt",
    "model.encoder": "rnn",
    "model.head": "softmax",
    "model.bidirectional": "false",
    "training.max_buckets": 1,
    "training.schedule": "constant",
    "training.epochs": 3,
}


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Compiled programs are shared by the runs here, and with nobody else."""
    os.environ["XDG_CACHE_HOME"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus without a test part."""
    folder = make_corpus(tmp_path_factory.mktemp("corpus") / "corpus")
    (folder / "test.txt").unlink()
    (folder / "space.yaml").write_text(SPACE)
    return folder


def asked(corpus: Path, **more: object) -> list[str]:
    """Flags of a search, all but its space."""
    given = settings(corpus, **{**_QUICK, **more})
    place = given.index("--training.learning_rate")  # searched in some tests, so that no flag may set it
    return [*given[:place], *given[place + 2 :]]


def flags(corpus: Path, **more: object) -> list[str]:
    return [*asked(corpus, **more), "--space", str(corpus / "space.yaml")]


@pytest.fixture(scope="module")
def whole(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A search of four trials that was never stopped."""
    folder = tmp_path_factory.mktemp("searches") / "whole"
    assert search.main([*flags(corpus), "--trials", "4", "--output", str(folder)]) == 0
    return folder


def found(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "search.json").read_text())


def trials(folder: Path) -> list[dict[str, Any]]:
    """The trials, without what time they took."""
    return [{**trial, "seconds": None} for trial in found(folder)["trials"]]


def test_a_search_leaves_what_it_promises_and_never_reads_the_test_part(whole: Path, corpus: Path) -> None:
    report = found(whole)
    assert [trial["state"] for trial in report["trials"]] == ["complete"] * 4
    assert len({json.dumps(trial["settings"]) for trial in report["trials"]}) == 4
    for trial in report["trials"]:
        run = whole / trial["folder"]
        scores = [entry["validation_selection"] for entry in logged(run)]
        own = json.loads((run / "report.json").read_text())
        assert trial["score"] == max(scores)
        assert trial["score"] == pytest.approx(own["splits"]["validation"]["f1"])
        assert trial["best_epoch"] == own["training"]["best_epoch"]
        assert trial["seconds"] > 0
        assert list(own["splits"]) == ["validation"]
        config = load_config(run / "config.yaml")
        assert (config.model.word_dropout, config.training.early_stopping, config.data.test) == (
            trial["settings"]["model.word_dropout"],
            trial["settings"]["training.early_stopping"],
            None,
        )
    text = (whole / "search.txt").read_text()
    assert "4 of 4 trials, seed 1: 4 complete, 0 pruned, 0 failed" in text
    assert "strict span F1 on the validation part" in text
    assert "the best of so many is optimistic" in text
    shown = [float(line.split()[1]) for line in text.splitlines()[3:7]]
    assert shown == sorted(shown, reverse=True)


def test_the_best_configuration_repeats_the_best_trial(whole: Path, tmp_path: Path) -> None:
    report = found(whole)
    best = report["trials"][report["best"]]
    assert best["score"] == max(trial["score"] for trial in report["trials"])
    config = load_config(whole / "best.yaml")
    assert config.data.test == "gone.txt"
    assert config.model.word_dropout == best["settings"]["model.word_dropout"]
    again = ["--config", str(whole / "best.yaml"), "--data.test", "null", "--output", str(tmp_path / "run")]
    assert train.main(again) == 0
    assert weights(tmp_path / "run") == weights(whole / best["folder"])


def test_more_trials_may_be_asked_for_and_are_those_of_a_longer_search(
    whole: Path, corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "search"
    output = ["--output", str(folder)]
    assert search.main([*flags(corpus), "--trials", "2", *output]) == 0
    assert search.main([*output, "--resume"]) == 0
    assert len(trials(folder)) == 2
    capsys.readouterr()
    assert search.main([*flags(corpus), "--trials", "4", "--resume", *output]) == 0
    assert "trial 1:" not in capsys.readouterr().out
    assert trials(folder) == trials(whole)
    with pytest.raises(InputError, match="--trials: 4 were asked for before, and cannot become fewer"):
        search.main([*output, "--resume", "--trials", "3"])
    with pytest.raises(InputError, match=r"model.hidden_size is 8 in .*base.yaml and 9 now; only --trials may change"):
        search.main([*output, "--resume", "--model.hidden_size", "9"])
    with pytest.raises(InputError, match=r"training.epochs is 3 in .*base.yaml and 4 now"):
        search.main([*output, "--resume", "--training.epochs", "4"])
    other = tmp_path / "other.yaml"
    other.write_text(SPACE.replace("high: 0.5}", "high: 0.6}"))
    with pytest.raises(InputError, match=r"model.word_dropout is .*'high': 0.5} in .* and .*'high': 0.6} now"):
        search.main([*output, "--resume", "--space", str(other)])
    with pytest.raises(InputError, match="already holds a search"):
        search.main([*flags(corpus), *output])
    shutil.copytree(corpus, tmp_path / "changed")
    for name in ("space.yaml", "base.yaml"):  # the same settings, of data elsewhere
        text = (folder / name).read_text()
        (folder / name).write_text(text.replace(str(corpus), str(tmp_path / "changed")))
    assert search.main([*output, "--resume"]) == 0
    data = tmp_path / "changed" / "valid.txt"
    data.write_text(data.read_text().replace("B-LOC", "B-PER", 1))
    with pytest.raises(InputError, match="the training or validation data have changed"):
        search.main([*output, "--resume"])
    data.write_text((corpus / "valid.txt").read_text())
    with open(folder / "study.jsonl") as journal:
        fcntl.flock(journal, fcntl.LOCK_EX)
        with pytest.raises(InputError, match="another process is searching there"):
            search.main([*output, "--resume"])


def command(*arguments: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "seqtag.search", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(process: subprocess.Popen, run: Path, count: int) -> None:
    until = time.monotonic() + 300
    while lines(run) < count:
        assert process.poll() is None, "it was over before it could be stopped: the test shows nothing"
        assert time.monotonic() < until
        time.sleep(0.01)


@pytest.mark.slow
def test_a_killed_search_goes_on_in_the_middle_of_a_trial(corpus: Path, tmp_path: Path) -> None:
    arguments = [*flags(corpus, training__epochs=15), "--trials", "2"]
    folder = tmp_path / "killed"
    process = command(*arguments, "--output", str(folder))
    wait_for(process, folder / "trial-1", 2)
    process.kill()
    process.communicate()
    assert [trial["number"] for trial in trials(folder)] == [0]
    assert (folder / "best.yaml").exists()
    # As if it had been killed while it wrote.
    (folder / "study.jsonl.lock").touch()
    with open(folder / "study.jsonl", "a") as journal:
        journal.write('{"op_code":6,"wor')
    first = (folder / "trial-0" / "model" / "model.safetensors").stat().st_mtime_ns
    process = command("--output", str(folder), "--resume")
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    assert "resumed after" in errors
    assert (folder / "trial-0" / "model" / "model.safetensors").stat().st_mtime_ns == first
    assert search.main([*arguments, "--output", str(tmp_path / "whole")]) == 0
    assert trials(folder) == trials(tmp_path / "whole")
    for number in range(2):
        assert weights(folder / f"trial-{number}") == weights(tmp_path / "whole" / f"trial-{number}")
    assert (folder / "best.yaml").read_text().partition("task:")[2] == (
        tmp_path / "whole" / "best.yaml"
    ).read_text().partition("task:")[2]


@pytest.mark.slow
def test_a_signal_writes_a_checkpoint_first(corpus: Path, tmp_path: Path) -> None:
    folder = tmp_path / "search"
    process = command(*flags(corpus, training__epochs=2000), "--trials", "2", "--output", str(folder))
    wait_for(process, folder / "trial-0", 2)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 143, errors
    assert "Traceback" not in errors
    steps = [int(path.name) for path in (folder / "trial-0" / "checkpoints").iterdir() if path.name.isdigit()]
    assert max(steps) >= logged(folder / "trial-0")[-1]["step"]
    assert found(folder)["trials"] == []
    assert not (folder / "best.yaml").exists()


class Scripted:
    """Suggests learning rates from a list instead of Optuna's."""

    def __init__(self, *rates: float) -> None:
        self.rates = rates

    def __call__(self, trials: list[Any], *rest: object) -> dict[str, Any]:
        return {"training.learning_rate": self.rates[len(trials)]}


@pytest.fixture
def wide(corpus: Path) -> list[str]:
    """A space of learning rates that are too small and too large by far."""
    space = corpus / "wide.yaml"
    space.write_text("training.learning_rate: {low: 1.0e-9, high: 1.0e+38, log: true}")
    return [*asked(corpus), "--space", str(space)]


def test_a_trial_that_lags_behind_is_pruned(wide: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searching, "_UNPRUNED", 2)
    monkeypatch.setattr(searching, "suggest", Scripted(0.002, 0.002, 1e-9))
    folder = tmp_path / "search"
    assert search.main([*wide, "--trials", "3", "--output", str(folder)]) == 0
    report = found(folder)
    assert [trial["state"] for trial in report["trials"]] == ["complete", "complete", "pruned"]
    pruned = report["trials"][2]
    assert pruned["epochs"] == 2  # none is pruned after the first
    assert "after epoch 2 of 3 its best score" in pruned["reason"]
    assert {path.name for path in (folder / "trial-2").iterdir()} == {"config.yaml", "log.jsonl", "pruned.txt"}
    assert len(logged(folder / "trial-2")) == 2
    assert report["best"] != 2
    last = (folder / "search.txt").read_text().splitlines()[5].split()
    assert (last[0], last[4]) == ("2", "pruned")


def test_a_trial_that_fails_is_listed_and_the_search_goes_on(
    wide: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searching, "suggest", Scripted(1e38, 0.002))
    folder = tmp_path / "search"
    assert search.main([*wide, "--trials", "2", "--output", str(folder)]) == 0
    report = found(folder)
    assert [trial["state"] for trial in report["trials"]] == ["failed", "complete"]
    assert report["trials"][0]["reason"].startswith("the loss is ")
    assert "trial 0 failed: the loss is " in (folder / "search.txt").read_text()
    assert not (folder / "trial-0" / "checkpoints").exists()
    assert report["best"] == 1


def test_a_trial_that_cannot_be_built_is_listed_and_the_search_goes_on(
    wide: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build = searching.build_experiment

    def picky(config: Any, *rest: Any) -> Any:
        if config.training.learning_rate == 0.5:
            raise InputError("this cannot be built")
        return build(config, *rest)

    monkeypatch.setattr(searching, "build_experiment", picky)
    monkeypatch.setattr(searching, "suggest", Scripted(0.5, 0.002))
    folder = tmp_path / "search"
    assert search.main([*wide, "--trials", "2", "--output", str(folder)]) == 0
    assert [(trial["state"], trial["reason"]) for trial in found(folder)["trials"]] == [
        ("failed", "this cannot be built"),
        ("complete", None),
    ]


def test_a_signal_is_not_lost_where_a_trial_ends_at_that_moment(corpus: Path, tmp_path: Path) -> None:
    from seqtag.data.reading import read_corpus
    from seqtag.training.experiment import build_experiment
    from seqtag.training.run import train as train_run

    class Watcher:
        def resumed(self, steps: int, epochs: int) -> None: ...

        def step(self, loss: float, tokens: int) -> None: ...

        def evaluation(self, entry: dict[str, Any]) -> None:
            os.kill(os.getpid(), signal.SIGTERM)
            raise optuna.TrialPruned

    given = settings(corpus, **{**_QUICK, "data.test": "null"})
    config = search.parse_config(search.make_parser("seqtag search", ""), given)[0]
    data = read_corpus(config.data)
    with pytest.raises(Stopped, match="SIGTERM"):
        train_run(build_experiment(config, data), data, RunDirectory(tmp_path / "run"), False, [Watcher()])


def ended(count: int, distributions: dict[str, Any]) -> list[optuna.trial.FrozenTrial]:
    """Trials in which the higher rate was always the better."""
    made: list[optuna.trial.FrozenTrial] = []
    for _ in range(count):
        params = searching.suggest(made, distributions, seed=1)
        assert params is not None
        trial = optuna.create_trial(params=params, distributions=distributions, value=params["rate"])
        trial.number = len(made)
        made.append(trial)
    return made


def test_suggestions_follow_from_the_seed_and_what_was_tried() -> None:
    distributions = {"rate": FloatDistribution(0.0, 1.0)}
    first, again = ended(25, distributions), ended(25, distributions)
    assert [trial.params for trial in first] == [trial.params for trial in again]
    assert searching.suggest(first, distributions, seed=1) != searching.suggest(first, distributions, seed=2)
    rates = [trial.params["rate"] for trial in first]
    assert len(set(rates)) == 25
    assert sum(rates[15:]) / 10 > sum(rates[:10]) / 10  # learned from what was tried


def test_nothing_is_tried_twice() -> None:
    distributions = {"rate": CategoricalDistribution([1.0, 2.0, 3.0])}
    tried = ended(3, distributions)
    assert sorted(trial.params["rate"] for trial in tried) == [1.0, 2.0, 3.0]
    assert searching.suggest(tried, distributions, seed=1) is None


def test_importances_are_given_where_there_are_enough_trials(tmp_path: Path) -> None:
    class Known(searching.Search):
        def __init__(self, trials: list[optuna.trial.FrozenTrial]) -> None:
            self.study = optuna.create_study(direction="maximize")
            self.study.add_trials(trials)
            self.space = dict.fromkeys(distributions)  # pyright: ignore[reportAttributeAccessIssue]

    distributions = {"rate": FloatDistribution(0.0, 1.0), "other": FloatDistribution(0.0, 1.0)}
    found = Known(ended(20, distributions))._importances()
    assert found is not None
    assert sum(found.values()) == pytest.approx(1.0)
    assert found["rate"] > found["other"]
    assert Known(ended(9, distributions))._importances() is None


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ([], "--space: name a YAML file"),
        (["--space", "nowhere.yaml"], "--space nowhere.yaml: cannot be read"),
        (["--space", "{space}", "--data.validation", "null"], "data.validation is null, and a search chooses by its"),
        (["--space", "{space}", "--trials", "0"], "--trials must be at least 1, not 0"),
        (
            ["--space", "{space}", "--model.word_dropout=0.3"],
            "--model.word_dropout: the search varies it; leave out the flag",
        ),
        (["--space", "{space}", "--task", "classification"], "task classification needs texts with 2 labels"),
        (["--resume"], "holds no search"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_written(
    corpus: Path, tmp_path: Path, more: list[str], message: str
) -> None:
    given = [*asked(corpus), *(flag.format(space=corpus / "space.yaml") for flag in more)]
    with pytest.raises(InputError, match=message) as raised:
        search.main([*given, "--output", str(tmp_path / "search")])
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "search").exists()


def test_without_optuna_one_sentence_says_what_to_install(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    monkeypatch.delitem(sys.modules, "seqtag.training.searching")
    with pytest.raises(InputError, match=r"needs Optuna: pip install optuna"):
        search.main([*flags(corpus), "--output", str(tmp_path / "search")])
    assert not (tmp_path / "search").exists()
