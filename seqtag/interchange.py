"""Documents in the formats of other programs: Hugging Face pipelines, brat, Prodigy, doccano and spaCy."""

import re
from typing import TYPE_CHECKING, Any

from seqtag.document import Document
from seqtag.errors import InputError

if TYPE_CHECKING:
    from spacy.tokens import Doc
    from spacy.vocab import Vocab

# What `str.splitlines` splits at, as do programs that read .ann files by the line.
_LINE_BREAK = re.compile("[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")


def to_hf(document: Document) -> list[dict[str, Any]]:
    """The entities as a token-classification pipeline of Hugging Face transformers gives them when it aggregates.

    Each has `entity_group` (the label), `score`, `word`, `start` and `end` (exclusive, in characters).
    """
    return [
        {"entity_group": entity.label, "score": entity.score, "word": entity.text}
        | {"start": entity.start, "end": entity.end}
        for entity in document.entities
    ]


def to_brat(document: Document) -> str:
    r"""The contents of a brat standoff file (`.ann`), a line per entity: `T1\tPER 0 12\tAda Lovelace`.

    The text itself, written as it is, is the `.txt` file beside it. An entity over a line break becomes a discontinuous
    annotation, a fragment for each line without the blanks at the break, as brat itself writes it.

    Raises InputError for a label with white space and for an entity that is nothing else: brat can hold neither.
    """
    lines = []
    for number, (text, label, start, end, _) in enumerate(document.entities, 1):
        if not label or re.search(r"\s", label):
            raise InputError(f"label {label!r} is empty or has white space, which brat cannot hold; rename it")
        if not text.strip():
            raise InputError(f"{label} from {start} to {end} is only white space, which brat cannot hold; leave it out")
        blanks = [found for found in re.finditer(r"\s+", text) if _LINE_BREAK.search(found.group())]
        breaks = [(start + found.start(), start + found.end()) for found in blanks]
        firsts, lasts = [start, *(after for _, after in breaks)], [*(before for before, _ in breaks), end]
        fragments = [(first, last) for first, last in zip(firsts, lasts, strict=True) if first < last]
        offsets = ";".join(f"{first} {last}" for first, last in fragments)
        words = " ".join(document.text[first:last] for first, last in fragments)
        lines.append(f"T{number}\t{label} {offsets}\t{words}\n")
    return "".join(lines)


def to_prodigy(document: Document) -> dict[str, Any]:
    """A task of Prodigy: `text`, `tokens`, `spans`, and `label` where the text has one.

    A token's `ws` says whether white space follows. A span's `token_start` and `token_end` are both inclusive, unlike
    its `end`.
    """
    text, offsets = document.text, document.offsets
    by_start = {start: number for number, (start, _) in enumerate(offsets)}
    by_end = {end: number for number, (_, end) in enumerate(offsets)}
    task: dict[str, Any] = {
        "text": text,
        "tokens": [
            {"text": text[start:end], "start": start, "end": end, "id": number, "ws": text[end : end + 1].isspace()}
            for number, (start, end) in enumerate(offsets)
        ],
        "spans": [
            {"start": start, "end": end, "token_start": by_start[start], "token_end": by_end[end], "label": label}
            for _, label, start, end, _ in document.entities
        ],
    }
    return task if document.label is None else task | {"label": document.label}


def to_doccano(document: Document) -> dict[str, Any]:
    """A record of doccano's JSONL for sequence labelling: `text`, and `label` with lists `[start, end, label]`."""
    return {"text": document.text, "label": [[start, end, label] for _, label, start, end, _ in document.entities]}


def to_spacy(document: Document, vocab: "Vocab") -> "Doc":
    """A spaCy Doc with the same text, to the character, and the same tokens.

    Entities are its `ents`, their probabilities in `span._.score`; `cats` has the labels of the text. A space after a
    token belongs to the token; other white space is tokens of its own, as spaCy has it.

    Raises InputError where spaCy is missing and for lone surrogates, which it cannot hold.
    """
    try:
        from spacy.tokens import Doc
    except ImportError as error:
        raise InputError("documents for spaCy need it: pip install spacy") from error
    words: list[str] = []
    spaces: list[bool] = []
    position = 0
    for start, end in [*document.offsets, (len(document.text), len(document.text))]:
        gap = document.text[position:start]
        if words and gap.startswith(" "):
            spaces[-1], gap = True, gap[1:]
        for word in (gap, document.text[start:end]):
            if word:
                words.append(word)
                spaces.append(False)
        position = end
    try:
        doc = Doc(vocab, words=words, spaces=spaces)
    except UnicodeEncodeError as error:
        raise InputError("the text has half of a surrogate pair, which spaCy cannot hold; replace it") from error
    register_score()
    spans = []
    for _, label, start, end, score in document.entities:
        span = doc.char_span(start, end, label=label)
        if span is None:
            raise InputError(
                f"the {label} at {start} to {end} is of an empty token, which spaCy cannot hold; leave it out"
            )
        span._.score = score
        spans.append(span)
    doc.ents = spans
    doc.cats = dict(document.labels)
    return doc


def register_score() -> None:
    """Give every spaCy Span `_.score`, the probability of an entity; None where nobody set it."""
    from spacy.tokens import Span

    if not Span.has_extension("score"):
        Span.set_extension("score", default=None)
