"""What tagging gives: a text with its tokens and entities, offsets counted in characters of the caller's own string."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple


class Token(NamedTuple):
    """A token and its tag, in IOB2; `text[start:end]` is the token, `score` the probability of the tag."""

    text: str
    start: int
    end: int
    tag: str
    score: float


class Entity(NamedTuple):
    """A labelled piece of text: `text[start:end]`; `score` is the probability of exactly this span with this label."""

    text: str
    label: str
    start: int
    end: int
    score: float


class Tagging(NamedTuple):
    """One way to tag a whole document, and its probability among all well-formed ones."""

    probability: float
    tags: list[str]
    entities: list[Entity]


@dataclass(frozen=True, repr=False)
class Document:
    """A tagged text.

    Where tokens were given instead of a text, `text` is the tokens joined by single spaces.
    """

    text: str
    offsets: Sequence[tuple[int, int]]
    """Start and end of each token in `text`, in characters."""
    tags: Sequence[str]
    """The tag of each token, in IOB2."""
    token_scores: Sequence[float]
    """The probability of each of `tags`."""
    entities: list[Entity]
    sentences: list[tuple[int, int]]
    """First token and end (exclusive) of each sentence."""
    pretokenized: bool = False
    """Tokens were given, not a text."""
    n_best: list[Tagging] = field(default_factory=list)
    """The most probable taggings, best first, where they were asked for."""
    labelled: bool = False
    """The model labels whole texts; one without a token has no label all the same, since there is nothing to go by."""
    label: str | None = None
    """The most probable label of the text."""
    score: float | None = None
    """The probability of `label`."""
    labels: dict[str, float] = field(default_factory=dict)
    """Every label with its probability, most probable first. They sum to 1, except where a text may have several."""
    attention: Sequence[float] = ()
    """The weight of each token in the label, where the model pools by attention; they sum to 1."""

    @cached_property
    def tokens(self) -> list[Token]:
        """All tokens, in order."""
        text = self.text
        return [
            Token(text[start:end], start, end, tag, score)
            for (start, end), tag, score in zip(self.offsets, self.tags, self.token_scores, strict=True)
        ]

    def __repr__(self) -> str:
        shown = self.text if len(self.text) <= 60 else f"{self.text[:59]}…"
        labelled = f", label={self.label!r}, score={self.score}" if self.label is not None else ""
        return f"Document(text={shown!r}, entities={self.entities!r}{labelled})"

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON: `text`, `tokens`, `entities`; where there are any, `label`, `score`, `labels`,
        `attention` and `n_best`.
        """
        record: dict[str, Any] = {
            "text": self.text,
            "tokens": [token._asdict() for token in self.tokens],
            "entities": [entity._asdict() for entity in self.entities],
        }
        if self.label is not None:
            record |= {"label": self.label, "score": self.score, "labels": dict(self.labels)}
        if self.attention:
            record["attention"] = list(self.attention)
        if self.n_best:
            record["n_best"] = [
                {**tagging._asdict(), "entities": [entity._asdict() for entity in tagging.entities]}
                for tagging in self.n_best
            ]
        return record

    def to_html(self, page: bool = False) -> str:
        """The text with its entities in colour, as a piece of HTML, or as a whole page."""
        from seqtag.html import render, render_page

        return render_page([self]) if page else render(self)

    def _repr_html_(self) -> str:
        """What notebooks show."""
        return self.to_html()

    def __rich__(self) -> Any:
        """What `rich.print` shows in a terminal: entities in colour, each followed by its label."""
        from seqtag.terminal import to_rich

        return to_rich(self)


@dataclass(frozen=True)
class InDocument:
    """A text or a sentence that is part of a document, as its neighbours of the same document are.

    Neighbours of more than four million characters together are taken for several documents: memory is bounded.
    """

    given: str | Sequence[str]
    document: str | int
    """Any name of the document."""
