"""Records as named fields, which JSON lines and Parquet share: read from them, and what is written of them."""

from collections.abc import Set
from typing import Any

from seqtag.document import Document, Entity, Token
from seqtag.streams.record import BadRecord, Record

_OF_LABELS = frozenset(("label", "score", "labels", "attention", "intent", "sentiment"))
_OWN = frozenset(("text", "tokens", "tags", "scores", "entities", "n_best"))
"""Fields that are written anew."""
_SPANS = frozenset(("spans", "annotations", "label", "labels"))
"""Fields in which readers look for spans where `entities` is empty."""
DIGITS = 6
"""Of scores: float32 knows no more."""


def record_of(
    place: str,
    values: dict[str, Any],
    text_column: str | None,
    token_column: str | None,
    lists: Set[str] = frozenset(),
) -> Record | BadRecord:
    """The text of a record or, where it has none or they alone are asked for by name, its tokens; all else is carried.

    `lists` names fields that hold lists in every record, or nothing.
    """
    text_name, token_name = text_column or "text", token_column or "tokens"
    text, tokens = values.get(text_name), values.get(token_name)
    values = {name: value for name, value in values.items() if value is not None or name not in (text_name, token_name)}
    if text_column is not None and token_column is None:
        tokens = None
    if token_column is not None and text_column is None:
        text = None
    document = values.get("document_id")
    document = None if document is None else str(document)
    if text is not None:
        if not isinstance(text, str):
            return BadRecord(f"{place}: {text_name} is not a string; see --text-column")
        del values[text_name]
        return Record(place, text, values, document=document, lists=lists)
    if tokens is None:
        return BadRecord(f"{place}: neither {text_name} nor {token_name}; see --text-column and --token-column")
    if not isinstance(tokens, list) or not all(isinstance(token, str) for token in tokens):
        return BadRecord(f"{place}: {token_name} is not a list of strings; see --token-column")
    del values[token_name]
    return Record(place, tokens, values, document=document, lists=lists)


def fields_of(record: Record, document: Document, with_tokens: bool) -> dict[str, Any]:
    """What came along, and what was found."""
    found: dict[str, Any] = {}
    if document.pretokenized:
        found["tokens"], found["tags"] = list(record.given), list(document.tags)
        found["scores"] = [round(score, DIGITS) for score in document.token_scores]
    found["text"] = document.text
    found["entities"] = [rounded(entity) for entity in document.entities]
    if document.labelled:
        found["label"], found["score"] = document.label, document.score and round(document.score, DIGITS)
        found["labels"] = {label: round(score, DIGITS) for label, score in document.labels.items()}
    if with_tokens and document.attention:
        found["attention"] = [round(weight, DIGITS) for weight in document.attention]
    if with_tokens and not document.pretokenized:
        found["tokens"] = [rounded(token) for token in document.tokens]
    if document.n_best:
        found["n_best"] = [
            tagging._asdict() | {"entities": [rounded(entity) for entity in tagging.entities]}
            for tagging in document.n_best
        ]
    names = kept_names(record, document.labelled)
    return {names[name]: value for name, value in record.carried.items()} | found


def kept_names(record: Record, labelled: bool) -> dict[str, str]:
    """The name under which each field that came along is written: its own, unless it would be taken for what was found.

    Gold spans beside predicted ones must not be read for them, so those are renamed too; a `label` that is no list
    belongs to the text and stays, unless the text is `labelled` anew.
    """
    own = _OWN | _OF_LABELS if labelled else _OWN
    names: dict[str, str] = {}
    for name, value in record.carried.items():
        kept = name
        if name in own or (name in _SPANS and (name in record.lists or isinstance(value, list))):
            kept = f"input_{name}"
            while kept in record.carried or kept in names.values():
                kept = f"input_{kept}"
        names[name] = kept
    return names


def rounded(scored: Token | Entity) -> dict[str, Any]:
    """Plain values for JSON."""
    values = scored._asdict()
    values["score"] = round(scored.score, DIGITS)
    return values
