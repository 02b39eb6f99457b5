"""Flags and files: who wins, what is refused, and the one line that says so."""

import dataclasses
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from seqtag.command_line import load_config, make_parser, parse_config, parse_flags
from seqtag.config import Config, DataConfig, ModelConfig, TrainingConfig
from seqtag.errors import InputError

FILE = """
data:
  format: conll
  path: corpus
  tag_column: 3
  validation: 0.1
training:
  learning_rate: 1e-3
  epochs: 3
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "run.yaml"
    path.write_text(FILE)
    return path


def parse(*argv: str) -> Config:
    return parse_config(make_parser("seqtag train", ""), list(argv))[0]


def test_no_arguments_are_the_defaults() -> None:
    assert parse() == Config()


@pytest.mark.parametrize("flags_first", [True, False])
def test_flags_beat_the_file_wherever_they_stand(file: Path, flags_first: bool) -> None:
    flags, config = ["--training.epochs", "5", "--seed", "7"], ["--config", str(file)]
    found = parse(*(flags + config if flags_first else config + flags))
    assert (found.training.epochs, found.training.seed) == (5, 7)
    assert found.training.learning_rate == 1e-3
    assert (found.data.path, found.data.tag_column, found.data.validation) == ("corpus", "3", 0.1)


def test_a_written_configuration_reads_back_the_same(tmp_path: Path) -> None:
    from seqtag.training.run_directory import RunDirectory

    config = Config(
        data=DataConfig(format="conll", path="x", test=None, validation="valid.txt", label_names=["O", "no", "1"]),
        model=ModelConfig(affix_lengths=[], word_vectors=None),
        training=TrainingConfig(clip_norm=None, learning_rate=1e-05),
    )
    run = RunDirectory(tmp_path / "run")
    run.begin(config)
    assert load_config(run.config) == config


def test_null_on_the_command_line_is_null() -> None:
    found = parse("--data.test", "null", "--training.clip_norm=null")
    assert found.data.test is None
    assert found.training.clip_norm is None


def test_numbers_and_names_are_told_apart() -> None:
    assert parse("--data.validation", "0.2").data.validation == 0.2
    assert parse("--data.validation", "valid.txt").data.validation == "valid.txt"
    assert parse("--model.affix_lengths", "[3]").model.affix_lengths == [3]
    assert parse("--model.affix_lengths", "2,3").model.affix_lengths == [2, 3]
    assert parse("--model.affix_lengths=2").model.affix_lengths == [2]
    assert parse("--training.learning_rate", "1").training.learning_rate == 1.0
    assert parse("--data.tag_column", "-2").data.tag_column == "-2"


@pytest.mark.parametrize("value", ["O,no,1e-3", "[O, no, 1e-3]", '["O", "no", "1e-3"]'])
def test_names_in_a_list_stay_as_they_are_written(tmp_path: Path, value: str) -> None:
    assert parse("--data.label_names", value).data.label_names == ["O", "no", "1e-3"]
    if value.startswith("["):
        path = tmp_path / "names.yaml"
        path.write_text(f"data:\n  label_names: {value}\n")
        assert parse("--config", str(path)).data.label_names == ["O", "no", "1e-3"]


@pytest.mark.parametrize("value", ["0123456", "1e5", "2024-01-01", "no", "1_000", "a: b", "[x", "# x", "é"])
def test_words_that_look_like_something_else_stay_words(tmp_path: Path, value: str) -> None:
    path = tmp_path / "words.yaml"
    path.write_text(yaml.safe_dump({"data": {"revision": value}}, allow_unicode=True), encoding="utf-8")
    unquoted = tmp_path / "unquoted.yaml"
    unquoted.write_text(f"data:\n  revision: {value}\n", encoding="utf-8")
    assert parse("--data.revision", value).data.revision == value
    assert load_config(path).data.revision == value
    if not set(value) & set("[:#"):
        assert load_config(unquoted).data.revision == value


def test_settings_start_from_a_given_configuration() -> None:
    base = Config(data=DataConfig(format="conll", path="corpus", test=None))
    argv = ["--data.format", "conll", "--data.test", "other.txt", "--model", "runs/x"]
    parser = make_parser("seqtag evaluate", "", sections=("data",))
    parser.add_argument("--model")
    assert parse_flags(parser, argv).model == "runs/x"
    found = parse_config(parser, argv, base=base)[0]
    assert found == dataclasses.replace(base, data=dataclasses.replace(base.data, test="other.txt"))
    with pytest.raises(InputError, match=r"unknown flag --training\.epochs"):
        parse_flags(parser, ["--training.epochs", "3"])


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--data.pathh", "x"], r"unknown flag --data.pathh; did you mean --data.path\?"),
        (["--data.pat", "x"], r"did you mean --data.path\?"),
        (["--epochs", "3"], r"did you mean --training.epochs\?"),
        (["--training.epochs", "many"], "training.epochs: expected int. Got value: many"),
        (["--training.epochs", "0"], "training.epochs must be greater than 0, not 0"),
        (["--training.epochs"], "expected one argument"),
        (["--training.epochs", "null"], "--training.epochs cannot be null"),
        (["--data.train=null"], "--data.train cannot be null"),
        (["--training.learning-rate", "1"], r"did you mean --training.learning_rate\?"),
        (["--model.path", "x"], r"did you mean --data.path\?"),
        (["--sed", "1"], r"unknown flag --sed; did you mean --seed\?"),
        (["--data", "x.yaml"], "unknown flag --data"),
        (["--training.ema_decay", "x"], r"training.ema_decay: expected one of float, null. Got value: x$"),
        (["--model.affix_lengths", "[2"], r"\[2 is no list"),
        (["--task", "dance"], "task must be ner or classification or joint, not 'dance'"),
        (["--model.encoder", "cnn"], "model.encoder: expected .*lstm"),
        (["--model.dropout", "1.0"], "model.dropout must be at least 0 and less than 1"),
        (["--data.format", "conll"], "data.path must be set"),
        (["--data.validation", "1.5"], "data.validation must be"),
        (["extra"], "unrecognized arguments: extra"),
        (["--training.learning_rate", "1e400"], "training.learning_rate must be a finite number, not inf"),
        (["--config", "a.yaml", "--config=b.yaml"], "--config: names a.yaml and b.yaml; give one file"),
        (["--config", "no-such-file.yaml"], "no-such-file.yaml: cannot be read"),
    ],
)
def test_what_is_wrong_is_named(argv: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse(*argv)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("data:\n  formt: hub\n", r"unknown setting data.formt; did you mean data.format\?"),
        ("trainng:\n  epochs: 3\n", "unknown setting trainng"),
        ("training:\n  epochs: many\n", "training.epochs: expected int"),
        ("training: 3\n", "section training must hold settings"),
        ("- 1\n", "must hold the sections"),
        ("a: [\n", "not valid YAML"),
        ("task: dancing\n", "task must be ner"),
        ("training:\n  epochs: null\n", "training.epochs cannot be null"),
        ("data:\n  train:\n", "data.train cannot be null"),
        ("data:\n  path: a\n  path: b\n", "path is set twice"),
        ("data:\n  path: a\ndata.path: b\n", "data.path is set twice, in its section and by its whole name"),
        ("data:\n  path: a\ndata:\n  train: b\n", "data is set twice"),
        ("data:\n  label_names: O\n", r"expected one of list\[str\], null. Got value: O"),
        ("model:\n  affix_lengths: [1, null]\n", "affix_lengths: expected int. Got value: null"),
        ("data: !!python/object/apply:os.getcwd []\n", "not valid YAML"),
        ("? [a]\n: b\n", "not valid YAML"),
    ],
)
def test_what_is_wrong_in_a_file_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=message) as raised:
        parse("--config", str(path))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("argv", "code", "message"),
    [
        (["-m", "seqtag.train", "--nonsense", "1"], 2, "seqtag: unknown flag --nonsense; --help lists all settings\n"),
        (["-m", "seqtag", "nonsense"], 2, "unknown command 'nonsense'"),
        (["-m", "seqtag", "--version"], 0, ""),
        (["-m", "seqtag.train", "--help"], 0, ""),
    ],
)
def test_commands_end_with_one_line_and_the_right_code(argv: list[str], code: int, message: str) -> None:
    done = subprocess.run([sys.executable, *argv], capture_output=True, text=True, timeout=60)
    assert done.returncode == code
    assert message in done.stderr
    assert done.stderr.count("\n") <= 1


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = "import sys, seqtag, seqtag.command_line; print([m for m in ('jax', 'datasets') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]"


def test_help_shows_every_setting_with_its_meaning_and_imports_nothing_heavy() -> None:
    code = (
        "import sys, seqtag.train\n"
        "try:\n    seqtag.train.main(['--help'])\n"
        "except SystemExit:\n    print([m for m in ('jax', 'datasets', 'optax') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    text = " ".join(done.stdout.split())
    assert text.endswith("[]")
    for section, kind in (("data", DataConfig), ("model", ModelConfig), ("training", TrainingConfig)):
        for field in dataclasses.fields(kind):
            assert f"--{section}.{field.name} " in text
    assert "Scale gradients down to this global norm. Null: not at all. (type: float | null, default: 5.0)" in text


ENDINGS = {
    "return 3": (3, ""),
    "raise InputError('a\\nb')": (2, "seqtag: a b\n"),
    "raise RuntimeError('broken')": (1, "seqtag: RuntimeError: broken\n"),
    "os.write(os.open('/dev/full', os.O_WRONLY), b'x')": (1, "seqtag: No space left on device\n"),
    "open('/no/such/file')": (1, "seqtag: No such file or directory: /no/such/file\n"),
    "sys.exit('text')": (1, "seqtag: text\n"),
    "os.kill(os.getpid(), signal.SIGINT); time.sleep(9)": (130, "seqtag: interrupted\n"),
    "os.kill(os.getpid(), signal.SIGTERM); time.sleep(9)": (143, "seqtag: terminated\n"),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_every_ending_has_its_code_and_at_most_one_line(ending: str) -> None:
    done = _run_ending(ending)
    assert (done.returncode, done.stderr) == ENDINGS[ending]


def test_a_traceback_is_shown_where_it_is_asked_for() -> None:
    done = _run_ending("raise RuntimeError('broken')", SEQTAG_TRACEBACK="1")
    assert done.returncode == 1
    assert done.stderr.startswith("Traceback")
    assert done.stderr.endswith("\nseqtag: RuntimeError: broken\n")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
def test_output_that_cannot_be_written_is_one_line_even_when_buffered() -> None:
    with open("/dev/full", "w") as full:
        done = _run_ending("print('x')", stdout=full, PYTHONUNBUFFERED="")
    assert (done.returncode, done.stderr) == (1, "seqtag: No space left on device\n")


def _run_ending(ending: str, stdout: Any = subprocess.PIPE, **environment: str) -> subprocess.CompletedProcess[str]:
    code = (
        "import os, signal, sys, time\nfrom seqtag.running import run\nfrom seqtag.errors import InputError\n"
        f"def main():\n    {ending}\n    return 0\nrun(main)"
    )
    return subprocess.run(
        [sys.executable, "-c", code],
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        env={**os.environ, "SEQTAG_TRACEBACK": "", **environment},
    )


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stop_that_is_lost_comes_again(number: signal.Signals, code: int) -> None:
    program = """
import os, sys, time
from seqtag import running
running._REPEAT_AFTER = 0.2

def main():
    try:
        os.kill(os.getpid(), int(sys.argv[1]))
        time.sleep(60)
    except BaseException:
        print("lost", flush=True)
    time.sleep(60)

running.run(main)
"""
    done = subprocess.run([sys.executable, "-c", program, str(int(number))], capture_output=True, text=True, timeout=50)
    assert (done.returncode, done.stdout) == (code, "lost\n")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_that_interrupts_nothing_is_not_left_waiting(number: signal.Signals, code: int) -> None:
    """Input is waited for and never comes, and the signal goes to another thread: the call is not interrupted."""
    program = f"""
import signal, sys, threading, time
from seqtag import running

def later():
    time.sleep(1)
    signal.pthread_kill(threading.get_ident(), {int(number)})

def main():
    threading.Thread(target=later).start()
    sys.stdin.buffer.readline()
    return 0

running.run(main)
"""
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            assert process.wait(60) == code
        finally:
            process.kill()
