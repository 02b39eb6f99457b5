"""What the model knows: words, pretrained words, characters, shapes, affixes and tags, each with an id.

Ids 0 and 1 stand for padding and for everything unknown; entries follow in the order they are kept.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, NamedTuple

from seqtag.batch import FIRST
from seqtag.config import ModelConfig
from seqtag.errors import InputError
from seqtag.schemes import tags_of

_DIGIT = re.compile(r"\d")


class Sizes(NamedTuple):
    """Numbers of ids, padding and unknown included."""

    words: int
    vectors: int
    chars: int
    shapes: int
    affixes: int
    """Of all lengths together."""


@dataclass(frozen=True)
class Vocabulary:
    """The entries of each kind, and how a token is normalized before it is looked up."""

    words: tuple[str, ...]
    counts: tuple[int, ...]
    """How often each stands in the training part."""
    vectors: tuple[str, ...]
    """Words of the pretrained file, in the order of its rows."""
    chars: tuple[str, ...]
    shapes: tuple[str, ...]
    affix_lengths: tuple[int, ...]
    affixes: tuple[tuple[str, ...], ...]
    """Prefixes of each length, then suffixes of each length."""
    tags: tuple[str, ...]
    """In the scheme that is trained; the position is the id. None of a model that only labels texts."""
    classes: tuple[str, ...]
    """Labels of whole texts; the position is the id."""
    multi_label: bool
    """A text may have several of them, or none."""
    lowercase: bool
    fold_digits: bool
    fold_case: bool
    """An unknown word or affix is taken for the first that differs in case alone."""

    @property
    def sizes(self) -> Sizes:
        """Numbers of ids."""
        return Sizes(
            words=len(self.words) + FIRST,
            vectors=len(self.vectors) + FIRST,
            chars=len(self.chars) + FIRST,
            shapes=len(self.shapes) + FIRST,
            affixes=sum(len(affixes) + FIRST for affixes in self.affixes),
        )

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels of the tags, in order."""
        return tuple(dict.fromkeys(tag.partition("-")[2] for tag in self.tags if "-" in tag))

    def to_dict(self) -> dict[str, Any]:
        """Plain lists and values, as `vocabulary.json` holds them."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Vocabulary":
        """The inverse of `to_dict`. Raises InputError where a field is missing or has the wrong type."""
        if not isinstance(values, dict) or set(values) != {field.name for field in fields(cls)}:
            raise InputError("vocabulary.json does not hold the fields of a seqtag vocabulary; get the file again")

        def strings(name: str, entries: Any) -> tuple[str, ...]:
            if not isinstance(entries, list | tuple) or not all(isinstance(entry, str) for entry in entries):
                raise InputError(f"vocabulary.json: {name} is not a list of strings; get the file again")
            return tuple(entries)

        plain = {
            name: strings(name, values[name]) for name in ("words", "vectors", "chars", "shapes", "tags", "classes")
        }
        counts = values["counts"]
        if (
            not isinstance(counts, list | tuple)
            or [type(count) for count in counts] != [int] * len(plain["words"])
            or min(counts, default=0) < 0
        ):
            raise InputError("vocabulary.json: counts does not hold a number for each word; get the file again")
        lengths, affixes = values["affix_lengths"], values["affixes"]
        if not (
            isinstance(lengths, list | tuple)
            and all(isinstance(length, int) and length > 0 for length in lengths)
            and isinstance(affixes, list | tuple)
            and len(affixes) == 2 * len(lengths)
        ):
            raise InputError("vocabulary.json: affix_lengths and affixes do not fit together; get the file again")
        switches = {name: values[name] for name in ("multi_label", "lowercase", "fold_digits", "fold_case")}
        for name, switch in switches.items():
            if type(switch) is not bool:
                raise InputError(f"vocabulary.json: {name} is neither true nor false; get the file again")
        return cls(
            **plain,
            counts=tuple(counts),
            affix_lengths=tuple(lengths),
            affixes=tuple(strings("affixes", entries) for entries in affixes),
            **switches,
        )

    def normalize(self, token: str) -> str:
        """The form a token has among `words`."""
        return normalize(token, self.lowercase, self.fold_digits)


def normalize(token: str, lowercase: bool, fold_digits: bool) -> str:
    """`Flug123` -> `flug000`, as the two settings say."""
    if lowercase:
        token = token.lower()
    return _DIGIT.sub("0", token) if fold_digits else token


def word_shape(token: str) -> str:
    """Classes of characters, runs cut to two: `McDonald's` -> `XxXxx'x`, `1996-08-22` -> `00-00-00`."""
    shape: list[str] = []
    for char in token:
        kind = "X" if char.isupper() else "x" if char.isalpha() else "0" if char.isdigit() else char
        if shape[-2:] != [kind, kind]:
            shape.append(kind)
    return "".join(shape)


def affixes_of(token: str, lengths: Sequence[int]) -> list[str]:
    """Prefixes of each length, then suffixes; a shorter token is its own affix."""
    return [token[:length] for length in lengths] + [token[-length:] for length in lengths]


def build_vocabulary(
    token_counts: Counter[str],
    labels: Iterable[str],
    config: ModelConfig,
    vector_words: Sequence[str] = (),
    classes: Iterable[str] = (),
    multi_label: bool = False,
) -> Vocabulary:
    """The vocabulary of a training part.

    Entries stand in order of falling count, ties in alphabetical order, so that the same corpus gives the same ids.
    """
    words: Counter[str] = Counter()
    chars: Counter[str] = Counter()
    shapes: Counter[str] = Counter()
    affixes: list[Counter[str]] = [Counter() for _ in range(2 * len(config.affix_lengths))]
    for token, count in token_counts.items():
        words[normalize(token, config.lowercase, config.fold_digits)] += count
        shapes[word_shape(token)] += count
        for char in token:
            chars[char] += count
        folded = normalize(token, False, config.fold_digits)
        for counter, affix in zip(affixes, affixes_of(folded, config.affix_lengths), strict=True):
            counter[affix] += count

    def ordered(counter: Counter[str], min_count: int = 1) -> tuple[str, ...]:
        kept = (entry for entry in counter.items() if entry[1] >= min_count)
        return tuple(word for word, _ in sorted(kept, key=lambda entry: (-entry[1], entry[0])))

    kept = ordered(words, config.min_count)
    return Vocabulary(
        words=kept,
        counts=tuple(words[word] for word in kept),
        vectors=tuple(vector_words),
        chars=ordered(chars),
        shapes=ordered(shapes, 2),  # what is seen once would leave nothing to learn the unknown one from
        affix_lengths=tuple(config.affix_lengths),
        affixes=tuple(ordered(counter, 2) for counter in affixes),
        tags=tuple(tags_of(labels, config.tag_scheme)) if (labels := sorted(labels)) else (),
        classes=tuple(sorted(classes)),
        multi_label=multi_label,
        lowercase=config.lowercase,
        fold_digits=config.fold_digits,
        fold_case=config.fold_case,
    )
