"""Tag schemes: how spans are written as one tag per token, and which tags may follow which.

A *tag* is `O` or a prefix, a hyphen and a *label* (`B-PER`). Four schemes are known:

- `IOB1` (Ramshaw and Marcus 1995): `I` throughout, `B` only where a span touches the one before it and has
  the same label;
- `IOB2` (Ratnaparkhi 1998): every span opens with `B`;
- `BIOES` (Uchimoto et al. 2000): `S` alone, else `B`, `I`…, `E`. BILOU and BMES are the same with other letters and are
  read as BIOES.

Ill-formed sequences are read as the CoNLL-2000 scorer `conlleval` reads them: a tag that cannot continue the span
before it opens a new one. `repair` writes that reading back in the scheme's own form and counts the tags it changed.
"""

import functools
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple, get_args

import numpy as np

from seqtag.errors import InputError

Scheme = Literal["IOB1", "IOB2", "BIOES"]
SCHEMES: tuple[Scheme, ...] = get_args(Scheme)
OUTSIDE = "O"

_SYNONYMS = {"L": "E", "U": "S", "M": "I", "W": "S"}
_PREFIXES = frozenset("BIES")


class Span(NamedTuple):
    """A labelled run of tokens: `start` inclusive, `end` exclusive, both token indices."""

    label: str
    start: int
    end: int


@functools.lru_cache(maxsize=4096)
def split_tag(tag: str) -> tuple[str, str]:
    """`B-PER` -> `("B", "PER")`, `O` -> `("O", "")`; BILOU and BMES letters come back as their BIOES twins.

    Raises InputError for anything else, such as a part-of-speech tag.
    """
    if tag == OUTSIDE:
        return OUTSIDE, ""
    prefix, hyphen, label = tag.partition("-")
    prefix = _SYNONYMS.get(prefix, prefix)
    if not hyphen or not label or prefix not in _PREFIXES:
        raise InputError(f"tag {tag!r} is neither O nor a prefix (B, I, E, S), a hyphen and a label, such as B-PER")
    return prefix, label


def tags_to_spans(tags: Sequence[str]) -> list[Span]:
    """The spans of a tag sequence in any scheme, ill-formed ones read as `conlleval` does."""
    spans: list[Span] = []
    label, start, is_open = "", 0, False
    for index, tag in enumerate(tags):
        prefix, tag_label = split_tag(tag)
        if is_open and (prefix in "OBS" or tag_label != label):
            spans.append(Span(label, start, index))
            is_open = False
        if prefix != OUTSIDE and not is_open:
            label, start, is_open = tag_label, index, True
        if prefix in "ES":
            spans.append(Span(label, start, index + 1))
            is_open = False
    if is_open:
        spans.append(Span(label, start, len(tags)))
    return spans


def spans_to_tags(spans: Iterable[Span], length: int, scheme: Scheme) -> list[str]:
    """The tags of `length` tokens that carry `spans`.

    Raises InputError where spans overlap, are empty or leave the sentence.
    """
    tags = [OUTSIDE] * length
    last = Span("", 0, 0)
    for span in sorted(spans, key=lambda span: span.start):
        if not last.end <= span.start < span.end <= length:
            raise InputError(f"span {span} is empty, overlaps another or lies outside a sentence of {length} tokens")
        tags[span.start : span.end] = [f"I-{span.label}"] * (span.end - span.start)
        touches = span.start == last.end and span.label == last.label and last.end > 0
        if scheme != "IOB1" or touches:
            tags[span.start] = f"B-{span.label}"
        if scheme == "BIOES":
            tags[span.end - 1] = f"E-{span.label}" if span.end - span.start > 1 else f"S-{span.label}"
        last = span
    return tags


def convert(tags: Sequence[str], scheme: Scheme) -> list[str]:
    """The same spans written in `scheme`, whatever scheme `tags` are in."""
    return spans_to_tags(tags_to_spans(tags), len(tags), scheme)


def repair(tags: Sequence[str], scheme: Scheme) -> tuple[list[str], int]:
    """The well-formed sequence of `scheme` that `conlleval` would read in `tags`, and how many tags differ from it."""
    well_formed = convert(tags, scheme)
    changed = sum(
        split_tag(before) != split_tag(after)
        for before, after in zip(tags, well_formed, strict=True)
        if before != after
    )
    return well_formed, changed


def detect_scheme(sequences: Iterable[Sequence[str]]) -> Scheme:
    """The scheme that tag sequences are written in.

    `E` or `S` anywhere means BIOES. Otherwise it is decided by how spans open where both schemes differ, that is where
    no span of the same label touches: more often with `I` means IOB1, else IOB2.
    """
    opened_by_i = opened_by_b = 0
    for tags in sequences:
        previous = ""
        for tag in tags:
            prefix, label = split_tag(tag)
            if prefix in "ES":
                return "BIOES"
            if label and label != previous:
                opened_by_i += prefix == "I"
                opened_by_b += prefix == "B"
            previous = label
    return "IOB1" if opened_by_i > opened_by_b else "IOB2"


def tags_of(labels: Iterable[str], scheme: Scheme) -> list[str]:
    """Every tag that `labels` give rise to, `O` first, labels in the order given."""
    prefixes = {"IOB1": "BI", "IOB2": "BI", "BIOES": "BIES"}[scheme]
    return [OUTSIDE, *(f"{prefix}-{label}" for label in labels for prefix in prefixes)]


class Transitions(NamedTuple):
    """Which tags a well-formed sequence may have: True where allowed."""

    start: np.ndarray  # [tags]
    between: np.ndarray  # [from_tag, to_tag]
    end: np.ndarray  # [tags]


def allowed_transitions(tags: Sequence[str], scheme: Scheme) -> Transitions:
    """The transitions of `scheme` among `tags`: start, between neighbours, and end."""
    split = [split_tag(tag) for tag in tags]

    def follows(before: tuple[str, str], after: tuple[str, str]) -> bool:
        (prefix, label), (next_prefix, next_label) = before, after
        if scheme == "IOB1":
            return next_prefix != "B" or label == next_label
        continues = next_prefix in "IE"
        if scheme == "IOB2":
            return not continues or label == next_label
        is_open = prefix in "BI"
        return continues == is_open and (not continues or label == next_label)

    boundary = (OUTSIDE, "")
    return Transitions(
        start=np.array([follows(boundary, tag) for tag in split], dtype=bool),
        between=np.array([[follows(before, after) for after in split] for before in split], dtype=bool),
        end=np.array([follows(tag, boundary) for tag in split], dtype=bool),
    )
