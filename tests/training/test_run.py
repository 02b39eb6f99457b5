"""Training through the real command: what it leaves, and that a stopped run ends as one that never was."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from corpora import make_corpus, settings

from seqtag import evaluate, train
from seqtag.errors import InputError

pytestmark = pytest.mark.usefixtures("compiled_as_by_users")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_corpus(tmp_path_factory.mktemp("corpus") / "corpus", train=120)


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Compiled programs are shared by the runs here, and with nobody else."""
    os.environ["XDG_CACHE_HOME"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def finished(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("runs") / "finished"
    assert train.main([*settings(corpus, training__epochs=4), "--output", str(output)]) == 0
    return output


def weights(run: Path) -> bytes:
    return (run / "model" / "model.safetensors").read_bytes()


def command(*arguments: str, **environment: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "seqtag.train", *arguments],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_run_leaves_what_it_promises(finished: Path) -> None:
    found = {path.relative_to(finished).as_posix() for path in finished.rglob("*") if path.is_file()}
    assert {
        "config.yaml",
        "model/config.json",
        "model/model.safetensors",
        "model/vocabulary.json",
        "model/README.md",
        "log.jsonl",
        "report.json",
        "report.txt",
        "predictions/validation.conll",
        "predictions/test.conll",
    } <= found
    report = json.loads((finished / "report.json").read_text())
    assert report["splits"]["test"]["f1"] > 0.8
    assert report["splits"]["validation"]["used_for_selection"]
    assert set(report["splits"]["test"]) >= {
        "f1", "precision", "recall", "accuracy", "scoring", "conlleval", "per_label", "f1_ci95", "sentences", "tokens",
        "entities", "repaired", "unseen_labels",
    }  # fmt: skip
    assert set(report["training"]) >= {
        "epochs", "seconds", "tokens", "tokens_per_second", "compile_seconds", "compiled_shapes", "peak_memory_bytes",
    }  # fmt: skip
    assert report["training"]["compiled_shapes"] == 3, "one to train, one for scores, one to read them"
    assert {role: found["scheme"] for role, found in report["reading"].items()} == dict.fromkeys(
        ("train", "validation", "test"), "IOB2"
    )
    log = logged(finished)
    assert [entry["epoch"] for entry in log] == [1, 2, 3, 4]
    assert log[-1]["loss"] < log[0]["loss"]


def test_the_shipped_model_names_no_local_path(finished: Path, corpus: Path) -> None:
    for name in ("config.json", "vocabulary.json", "README.md"):
        assert str(corpus.parent) not in (finished / "model" / name).read_text()


def test_evaluate_gives_the_scores_of_the_run(finished: Path, tmp_path: Path) -> None:
    report_file = tmp_path / "scores.json"
    assert evaluate.main(["--model", str(finished / "model"), "--report", str(report_file)]) == 0
    own = json.loads((finished / "report.json").read_text())["splits"]
    again = json.loads(report_file.read_text())["splits"]
    for role in ("validation", "test"):
        assert {name: own[role][name] for name in ("f1", "accuracy", "per_label", "conlleval")} == {
            name: again[role][name] for name in ("f1", "accuracy", "per_label", "conlleval")
        }


def test_predictions_stand_beside_gold(finished: Path, corpus: Path) -> None:
    from corpora import sentences

    blocks = (finished / "predictions" / "test.conll").read_text().split("\n\n")
    gold = sentences(20, seed=2)
    rows = [[line.split("\t") for line in block.splitlines() if not line.startswith("#")] for block in blocks[:-1]]
    assert [([row[0] for row in block], [row[1] for row in block]) for block in rows] == gold


def test_the_same_seed_gives_the_same_bytes(finished: Path, corpus: Path, tmp_path: Path) -> None:
    train.main([*settings(corpus, training__epochs=4), "--output", str(tmp_path / "again")])
    assert weights(tmp_path / "again") == weights(finished)
    train.main([*settings(corpus, training__epochs=4), "--seed", "2", "--output", str(tmp_path / "other")])
    assert weights(tmp_path / "other") != weights(finished)


@pytest.mark.parametrize(
    "more",
    [
        {"training__ema_decay": 0.9, "training__schedule": "plateau"},
        pytest.param({}, marks=pytest.mark.slow),
    ],
)
def test_a_killed_run_ends_in_the_same_bytes(corpus: Path, tmp_path: Path, more: dict) -> None:
    arguments = settings(corpus, training__epochs=9, training__checkpoint_steps=3, **more)
    train.main([*arguments, "--output", str(tmp_path / "whole")])
    killed = tmp_path / "killed"
    for _ in range(2):
        resume = ["--resume"] if killed.exists() else []
        process = command(*arguments, "--output", str(killed), *resume)
        before = lines(killed)
        deadline = time.monotonic() + 120
        while lines(killed) < before + 2 and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        assert process.poll() is None, "it was over before it could be killed: the test shows nothing"
        process.kill()
        process.communicate()
    train.main([*arguments, "--output", str(killed), "--resume"])
    assert weights(killed) == weights(tmp_path / "whole")
    logs = [
        [(entry["epoch"], entry["loss"], entry["validation_f1"]) for entry in logged(run)]
        for run in (killed, tmp_path / "whole")
    ]
    assert logs[0] == logs[1]


def logged(run: Path) -> list[dict]:
    return [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]


def lines(run: Path) -> int:
    return len((run / "log.jsonl").read_text().splitlines()) if (run / "log.jsonl").exists() else 0


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_writes_a_checkpoint_first(corpus: Path, tmp_path: Path, number: int, code: int) -> None:
    arguments = [*settings(corpus, training__epochs=2000), "--output", str(tmp_path / "run")]
    process = command(*arguments)
    deadline = time.monotonic() + 120
    while lines(tmp_path / "run") < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == code
    assert "Traceback" not in errors
    steps = [int(path.name) for path in (tmp_path / "run" / "checkpoints").iterdir() if path.name.isdigit()]
    assert max(steps) >= logged(tmp_path / "run")[-1]["step"]


def test_more_epochs_may_be_asked_for_and_nothing_else(finished: Path, corpus: Path, tmp_path: Path) -> None:
    output = ["--output", str(tmp_path / "run")]
    train.main([*settings(corpus, training__epochs=1), *output])
    with pytest.raises(InputError, match="already holds a run"):
        train.main([*settings(corpus), *output])
    with pytest.raises(InputError, match=r"model.hidden_size is 8 in .* and 9 now"):
        train.main(["--model.hidden_size", "9", "--resume", *output])
    train.main(["--training.epochs", "2", "--resume", *output])
    assert lines(tmp_path / "run") == 2
    with pytest.raises(InputError, match=r"cannot become fewer"):
        train.main(["--training.epochs", "1", "--resume", *output])


@pytest.mark.parametrize("kind", ["cut short", "overwritten"])
def test_a_damaged_checkpoint_is_named(finished: Path, corpus: Path, tmp_path: Path, kind: str) -> None:
    output = ["--output", str(tmp_path / "run")]
    train.main([*settings(corpus, training__epochs=1), *output])
    for part in (tmp_path / "run" / "checkpoints").rglob("*"):
        if part.is_file() and (kind == "overwritten" or "/d/" in part.as_posix()):
            content = part.read_bytes()
            part.write_bytes(content[:50] if kind == "cut short" else b"x" * len(content))
    with pytest.raises(InputError, match=r"checkpoints/\d+: this checkpoint is damaged; delete the folder"):
        train.main(["--training.epochs", "2", "--resume", *output])


@pytest.mark.parametrize("part", ["train", "valid"])
def test_changed_data_cannot_be_resumed(tmp_path: Path, part: str) -> None:
    """Nor does the attempt change anything."""
    corpus, run = make_corpus(tmp_path / "corpus"), tmp_path / "run"
    train.main([*settings(corpus, training__epochs=1), "--output", str(run)])
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    swapped = (corpus / f"{part}.txt").read_text().replace("PER", "\0").replace("LOC", "PER").replace("\0", "LOC")
    (corpus / f"{part}.txt").write_text(swapped)
    with pytest.raises(InputError, match="the training or validation data or the word vectors have changed"):
        train.main(["--training.epochs", "2", "--resume", "--output", str(run)])
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


def test_without_a_validation_part_the_last_weights_are_kept(corpus: Path, tmp_path: Path) -> None:
    """A copy of them, so that they are there when a checkpoint is written in the middle of the next epoch."""
    more = {"data__validation": "null", "training__checkpoint_steps": 2, "training__batch_tokens": 64}
    run = tmp_path / "run"
    assert train.main([*settings(corpus, training__epochs=2, **more), "--output", str(run)]) == 0
    assert json.loads((run / "report.json").read_text())["training"]["best_epoch"] == 2
    for wrong in ({"training__early_stopping": 1}, {"training__schedule": "plateau"}):
        with pytest.raises(InputError, match=r"goes by the validation part, and data.validation is null"):
            train.main([*settings(corpus, **more, **wrong), "--output", str(tmp_path / "other")])


def test_eight_devices_do_the_same_work(corpus: Path, tmp_path: Path) -> None:
    """The same losses and scores, to rounding, on eight simulated devices as on one."""
    logs, reports = [], []
    for devices in ("1", "8"):
        output = tmp_path / devices
        process = command(
            *settings(corpus, training__epochs=3, model__dropout=0.3),
            "--output",
            str(output),
            JAX_NUM_CPU_DEVICES=devices,
        )
        _, errors = process.communicate(timeout=200)
        assert process.returncode == 0, errors
        logs.append([entry["loss"] for entry in logged(output)])
        reports.append(json.loads((output / "report.json").read_text()))
    assert [report["training"]["devices"] for report in reports] == [1, 8]
    assert logs[1] == pytest.approx(logs[0], rel=1e-4)
    assert reports[1]["splits"]["test"]["f1"] == pytest.approx(reports[0]["splits"]["test"]["f1"], abs=1e-6)


@pytest.mark.parametrize(
    "more",
    [
        {"model__encoder": "gru", "model__head": "softmax", "model__num_layers": 2},
        pytest.param({"model__encoder": "rnn", "model__bidirectional": "false", "model__char_encoder": "lstm",
                      "model__char_features": 4}, marks=pytest.mark.slow),
        pytest.param({"training__pack_sentences": "false", "training__optimizer": "sgd", "training__early_stopping": 1,
                      "training__schedule": "inverse_time", "model__char_encoder": "cnn"}, marks=pytest.mark.slow),
        {"training__precision": "bfloat16", "training__optimizer": "adamw", "training__weight_decay": 0.01,
         "training__warmup_steps": 3, "model__tag_scheme": "IOB2", "model__locked_dropout": "true",
         "model__embedding_dropout": 0.1, "training__tensorboard": "true"},
    ],
    ids=["gru softmax 2 layers", "rnn forward char lstm", "unpacked sgd char cnn", "bfloat16 adamw iob2"],
)  # fmt: skip
def test_every_kind_of_model_trains_and_loads(corpus: Path, tmp_path: Path, more: dict) -> None:
    output = tmp_path / "run"
    assert train.main([*settings(corpus, training__epochs=3, **more), "--output", str(output)]) == 0
    log = logged(output)
    assert log[-1]["loss"] < log[0]["loss"]
    assert evaluate.main(["--model", str(output), "--split", "test"]) == 0
    if "training__tensorboard" in more:
        assert list((output / "tensorboard").iterdir())


@pytest.mark.parametrize("lazy", ["true", pytest.param("false", marks=pytest.mark.slow)])
def test_a_language_model_helps_to_train_and_is_not_shipped(corpus: Path, tmp_path: Path, lazy: str) -> None:
    from safetensors.numpy import load_file

    logs, arrays = [], []
    for name, weight in (("without", 0), ("with", 0.1)):
        more = {"training__language_model_weight": weight, "training__language_model_words": 7}
        more |= {"training__lazy_embeddings": lazy, "training__batch_tokens": 32}
        output = tmp_path / name
        assert train.main([*settings(corpus, training__epochs=1, **more), "--output", str(output)]) == 0
        logs.append(logged(output))
        arrays.append(load_file(output / "model" / "model.safetensors"))
        report = json.loads((output / "report.json").read_text())
        assert report["training"]["parameters"] == sum(array.size for array in arrays[-1].values())
    assert {name: array.shape for name, array in arrays[0].items()} == {
        name: array.shape for name, array in arrays[1].items()
    }
    assert logs[1][0]["loss"] > logs[0][0]["loss"] + 0.05, "the words' share of the loss"
    assert weights(tmp_path / "with") != weights(tmp_path / "without")
    assert evaluate.main(["--model", str(tmp_path / "with"), "--split", "test"]) == 0


def test_an_ensemble_trains_loads_and_teaches(corpus: Path, tmp_path: Path) -> None:
    own = {"training__epochs": 2, "training__lazy_embeddings": "true", "training__batch_tokens": 32}
    teacher, student, alone = tmp_path / "teacher", tmp_path / "student", tmp_path / "alone"
    assert train.main([*settings(corpus, model__members=2, **own), "--output", str(teacher)]) == 0
    assert evaluate.main(["--model", str(teacher), "--split", "test"]) == 0
    assert "an ensemble of 2, each" in (teacher / "model" / "README.md").read_text()
    assert train.main([*settings(corpus, training__teacher=teacher, **own), "--output", str(student)]) == 0
    assert train.main([*settings(corpus, **own), "--output", str(alone)]) == 0
    assert logged(student)[0]["loss"] != logged(alone)[0]["loss"]
    assert weights(student) != weights(alone), "the teacher is heard"
    parameters = [json.loads((run / "report.json").read_text())["training"]["parameters"] for run in (teacher, student)]
    assert parameters[0] == 2 * parameters[1]
    shutil.copytree(alone / "model", teacher / "model", dirs_exist_ok=True)
    more = settings(corpus, training__teacher=teacher, **own | {"training__epochs": 3})
    with pytest.raises(
        InputError, match="the teacher, the training or validation data or the word vectors have changed"
    ):
        train.main([*more, "--output", str(student), "--resume"])
    foreign = settings(corpus, training__teacher=teacher, model__lowercase="true", **own)
    with pytest.raises(InputError, match=r"training\.teacher .*: its task or vocabulary is not that of this run"):
        train.main([*foreign, "--output", str(tmp_path / "foreign")])


@pytest.mark.parametrize("tune", ["true", pytest.param("false", marks=pytest.mark.slow)])
def test_word_vectors_join_the_vocabulary(
    corpus: Path, tmp_path: Path, tune: str, capsys: pytest.CaptureFixture[str]
) -> None:
    vectors = tmp_path / "vectors.txt"
    vectors.write_text("ada 1 0 0\nrome 0 1 0\noslo 0 0.5 0.25\nada 9 9 9\n")
    output = tmp_path / "run"
    more = {"model__word_vectors": vectors, "model__tune_word_vectors": tune}
    assert train.main([*settings(corpus, training__epochs=1, **more), "--output", str(output)]) == 0
    words = [line.split()[0] for line in (corpus / "train.txt").read_text().splitlines() if line.strip()]
    covered = sum(word.lower() in ("ada", "rome", "oslo") for word in words) / len(words)
    coverage = json.loads((output / "report.json").read_text())["word_vectors"]
    assert 0 < coverage["tokens"] == pytest.approx(covered)
    assert coverage["source"] == "vectors.txt"
    assert (coverage["words"], coverage["features"], coverage["repeated"]) == (3, 3, 1)
    told = capsys.readouterr().out
    assert "word vectors: 3 of 3 numbers from vectors.txt, 1 repeated ones left out; " in told
    assert f"{covered:.1%} of the training part's tokens and {coverage['distinct_tokens']:.1%} of its distinct" in told
    vocabulary = json.loads((output / "model" / "vocabulary.json").read_text())
    assert vocabulary["vectors"] == ["ada", "rome", "oslo"]
    from safetensors.numpy import load_file

    table = load_file(output / "model" / "model.safetensors")["members.0.embeddings.vectors.table"]
    assert (table[4] == [0, 0.5, 0.25]).all()  # no training sentence has it
    assert (table[2] == [1, 0, 0]).all() == (tune == "false")
    assert evaluate.main(["--model", str(output), "--split", "test"]) == 0
