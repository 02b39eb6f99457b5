"""Flags and files: who wins, what is refused, and the one line that says so."""

import subprocess
import sys
from pathlib import Path

import pytest

from seqtag.command_line import load_config, make_parser, parse_config
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
    assert (found.data.path, found.data.tag_column, found.data.validation) == ("corpus", 3, 0.1)


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


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--data.pathh", "x"], r"unknown flag --data.pathh; did you mean --data.path\?"),
        (["--data.pat", "x"], r"did you mean --data.path\?"),
        (["--epochs", "3"], r"did you mean --training.epochs\?"),
        (["--training.epochs", "many"], "training.epochs: expected int. Got value: many"),
        (["--training.epochs", "0"], "training.epochs must be greater than 0, not 0"),
        (["--training.epochs"], "expected one argument"),
        (["--model.encoder", "cnn"], "model.encoder: expected .*lstm"),
        (["--model.dropout", "1.0"], "model.dropout must be at least 0 and less than 1"),
        (["--data.format", "conll"], "data.path must be set"),
        (["--data.validation", "1.5"], "data.validation must be"),
        (["extra"], "unrecognized arguments: extra"),
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
