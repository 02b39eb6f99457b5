"""Word vectors in the dialects there are."""

from pathlib import Path

import pytest

from seqtag.data.vectors import read_word_vectors
from seqtag.errors import InputError


def read(tmp_path: Path, text: str) -> tuple[tuple[str, ...], list]:
    path = tmp_path / "vectors.txt"
    path.write_text(text, encoding="utf-8")
    found = read_word_vectors(path)
    return found.words, found.vectors.tolist()


@pytest.mark.parametrize(
    "text",
    [
        "a 1 2\nb 3 4\n",
        "2 2\na 1 2 \nb 3 4",
        "a 1 2\r\nb 3 4\r\na 9 9\r\n",
        "\ufeff2 2\na 1 2\nb 3 4",
        "a\t1 2\nb\t3 4\n",
        "a\t1\t2\nb\t3\t4\t\n",
    ],
)
def test_glove_and_word2vec_text_are_read(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, text) == (("a", "b"), [[1, 2], [3, 4]])


def test_words_may_hold_odd_characters(tmp_path: Path) -> None:
    assert read(tmp_path, "the 1 2\n. . . 3 4\n\u00a0 5 6\nx\x85y 7 8\n")[0] == ("the", ". . .", "\u00a0", "x\x85y")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a 1 2\nb 3\n", "vectors.txt:2: not a word and 2 numbers"),
        ("a 1 2\nb 3 4 5\n", "vectors.txt:2: not a word and 2 numbers"),
        ("a 1 2\nb 3 x\n", "vectors.txt:2"),
        ("a 1 nan\n", "vectors.txt:1"),
        ("a nan 1\n", "vectors.txt:1"),
        ("a 1e99 1\n", "vectors.txt:1"),
        ("3 2\na 1 2\nb 3 4\n", "has 2 words where its first line says 3"),
        ("1 2\na 1 2\nb 3 4\n", "has 2 words where its first line says 1"),
        ("", "no word vectors in the file"),
    ],
)
def test_uneven_vectors_are_refused_with_their_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(tmp_path, text)


def test_missing_and_binary_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read the word vectors"):
        read_word_vectors(tmp_path / "none.txt")
    (tmp_path / "vectors.bin").write_bytes(b"a 1 \xff\xfe\n")
    with pytest.raises(InputError, match="not UTF-8"):
        read_word_vectors(tmp_path / "vectors.bin")
