"""What is odd about a corpus is warned of with its count; a clean one is not warned of."""

from pathlib import Path

import pytest
from corpora import make_corpus

from seqtag.check import main
from seqtag.config import DataConfig
from seqtag.data.checks import FEW, check_corpus, format_check
from seqtag.data.reading import read_corpus
from seqtag.errors import InputError

CLEAN = "".join(f"Ada{number} B-PER\nsleeps O\n. O\n\n" for number in range(FEW))


def warnings(folder: Path, train: str, test: str | None = None, **settings: object) -> list[str]:
    (folder / "train.txt").write_text(CLEAN + train)
    if test is not None:
        (folder / "test.txt").write_text(test)
    named = {
        "format": "conll",
        "path": str(folder),
        "validation": None,
        "test": test and "test.txt",
        "delimiter": "space",
    }
    return check_corpus(read_corpus(DataConfig(**named | settings))).warnings


def test_a_clean_corpus_has_no_warning(tmp_path: Path) -> None:
    assert warnings(tmp_path, "", "Bo B-PER\nsleeps O\n") == []


@pytest.mark.parametrize(
    ("train", "test", "expected"),
    [
        ("a O\nb I-PER\n", None, "train: 1 tags of ill-formed sequences are repaired"),
        ("a O\n\na O\n\na O\n", None, "train: 2 sentences repeat an earlier one"),
        ("a O\n", "a O\n\na O\n\nAda B-PER\n", "test: 2 sentences stand in train too"),
        ("", "Bo B-DOG\nx B-DOG\nAda B-PER\n", "test: 2 with a label that training lacks (e.g. DOG)"),
        ("Rome B-LOC\n", None, f"train: 1 labels have fewer than {FEW} spans (e.g. LOC 1)"),
        ("Rome B-LOC\n", "Ada B-PER\n", "test: 1 of training's labels do not occur (e.g. LOC)"),
        ("Ada1 B-LOC\n", None, "train: 1 texts are labelled in more than one way (e.g. Ada1)"),
        ('" B-PER\nAda I-PER\n', None, "train: 1 spans begin or end with punctuation"),
        ("", "a O\n", "test: no labelled span"),
        ("a\u200bb O\na\u200bb O\n", None, "train: 2 tokens with invisible format characters (e.g. 'a\\u200bb')"),
        ("a\x07 O\n", None, "train: 1 tokens with control characters"),
        ("\ue000 O\n", None, "train: 1 tokens with private use characters"),
        ("caf\ufffd O\n", None, "train: 1 tokens with the replacement character"),
        ("cafe\u0301 O\n", None, "train: 1 tokens with decomposed characters (not NFC)"),
        ("a\u00a0b O\n", None, "train: 1 tokens with white space inside"),
        ("w O\n" * 251, None, "train: 1 sentences of over 250 tokens"),
    ],
)
def test_what_is_odd_is_counted(tmp_path: Path, train: str, test: str | None, expected: str) -> None:
    found = warnings(tmp_path, train, test)
    assert any(warning.startswith(expected) for warning in found), found


def test_figures_are_those_of_the_corpus(tmp_path: Path) -> None:
    folder = make_corpus(tmp_path)
    config = DataConfig(format="conll", path=str(folder), validation="valid", test=None)
    corpus = read_corpus(config)
    report = check_corpus(corpus)
    lengths = [len(tokens) for tokens in corpus.splits["train"]["tokens"]]
    text = format_check(report)
    assert f"60 sentences, {sum(lengths):,} tokens" in text
    assert f"tokens a sentence: {min(lengths)} to {max(lengths)}" in text
    assert "PER 60" in text
    assert "unknown to training: 0.0% of tokens" in text


def test_the_command_ends_with_2_only_where_training_would_not_start(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--data.format", "conll", "--data.path", str(make_corpus(tmp_path)), "--data.validation", "valid"]
    assert main(flags) == 0
    assert "nothing that would stop training" in capsys.readouterr().out
    (tmp_path / "train.txt").write_text("a O\nb O\n")
    with pytest.raises(InputError, match=r"train\.txt: no labelled span in the training part; check data\.tag_column"):
        main(flags)
