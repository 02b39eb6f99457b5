"""Tokens to integers: each distinct token is looked up once and kept."""

from collections.abc import Iterable, Sequence

import numpy as np
from jaxtyping import Int, Int32

from seqtag.batch import FIRST, UNKNOWN
from seqtag.vocabulary import Vocabulary, affixes_of, normalize, word_shape

MAX_DISTINCT = 1_000_000
"""Distinct tokens kept before the table starts anew, so that endless text takes bounded memory."""


class TokenTable:
    """Integers of every distinct token met so far, as rows of arrays; row 0 is padding."""

    def __init__(self, vocabulary: Vocabulary, max_word_length: int, max_distinct: int = MAX_DISTINCT) -> None:
        self.vocabulary = vocabulary
        self.max_word_length = max_word_length
        self.max_distinct = max_distinct
        self._words = _Index(vocabulary.words, vocabulary.fold_case)
        self._vectors = _Index(vocabulary.vectors)
        self._lowercase_vectors = not any(word != word.lower() for word in vocabulary.vectors)
        self._chars = _Index(vocabulary.chars)
        self._shapes = _Index(vocabulary.shapes)
        self._affixes = [_Index(affixes, vocabulary.fold_case) for affixes in vocabulary.affixes]
        sizes = [len(affixes) + FIRST for affixes in vocabulary.affixes]
        self._affix_offsets = np.cumsum([0, *sizes])[: len(sizes)]
        self._clear()

    def _clear(self) -> None:
        self._rows: dict[str, int] = {}
        # Columns: word, vector, shape, affixes…, characters…
        self._features = np.zeros((1024, 3 + len(self._affixes) + self.max_word_length), np.int32)

    def rows(self, tokens: Iterable[str]) -> list[int]:
        """The row of each token; valid until the next call."""
        if len(self._rows) >= self.max_distinct:
            self._clear()
        known = self._rows
        return [known.get(token) or self._add(token) for token in tokens]

    def count(self, token: str) -> int:
        """How often the training part has the word that a token is looked up as; 0 for an unknown one."""
        word = self._words[self.vocabulary.normalize(token)]
        return self.vocabulary.counts[word - FIRST] if word != UNKNOWN else 0

    def vector_ids(self, tokens: Iterable[str]) -> Int32[np.ndarray, " tokens"]:
        """The pretrained vector of each token; UNKNOWN where it has none."""
        return np.array([self._vector(token) for token in tokens], np.int32)

    def features(self, rows: Int[np.ndarray, "*shape"]) -> list[Int32[np.ndarray, "..."]]:
        """Word, vector, shape, affix and character ids of rows of the table."""
        gathered = self._features[rows]
        affixes_end = 3 + len(self._affixes)
        return [
            gathered[..., 0],
            gathered[..., 1],
            gathered[..., 2],
            gathered[..., 3:affixes_end],
            gathered[..., affixes_end:],
        ]

    def _add(self, token: str) -> int:
        row = len(self._rows) + 1
        if row == len(self._features):
            self._features = np.concatenate([self._features, np.zeros_like(self._features)])
        vocabulary = self.vocabulary
        chars = [self._chars[char] for char in self._visible(token)]
        folded = normalize(token, False, vocabulary.fold_digits)
        affixes = zip(self._affix_offsets, self._affixes, affixes_of(folded, vocabulary.affix_lengths), strict=True)
        values = [
            self._words[vocabulary.normalize(token)],
            self._vector(token),
            self._shapes[word_shape(token)],
            *(offset + index[affix] for offset, index, affix in affixes),
            *chars,
        ]
        self._features[row, : len(values)] = values
        self._rows[token] = row
        return row

    def _visible(self, token: str) -> str:
        """What the character encoder sees of a token."""
        length = self.max_word_length
        return token if len(token) <= length else token[: length - length // 2] + token[-(length // 2) :]

    def _vector(self, token: str) -> int:
        """As written, then in lower case, then with digits as 0."""
        forms = [token] if not self._lowercase_vectors else []
        forms += [token.lower(), normalize(token, True, True)]
        return next((found for form in forms if (found := self._vectors[form]) != UNKNOWN), UNKNOWN)


class _Index:
    """Ids of strings by their position; an unknown one may have that of the first that differs in case alone."""

    def __init__(self, entries: Sequence[str], fold_case: bool = False) -> None:
        self._ids = {entry: position for position, entry in enumerate(entries, FIRST)}
        self._folded: dict[str, int] = {}
        if fold_case:
            for entry, position in self._ids.items():
                self._folded.setdefault(entry.lower(), position)

    def __getitem__(self, entry: str) -> int:
        return self._ids.get(entry) or self._folded.get(entry.lower(), UNKNOWN)
