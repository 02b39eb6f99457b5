"""seqtag as a component of spaCy pipelines: `nlp.add_pipe("seqtag", config={"model": "runs/mine/model"})`.

It tags spaCy's own tokens; white space among them is left out. Sentences are those of the pipeline where a component
before this one has set them, otherwise seqtag's own. A model that labels whole texts reads each Doc whole, and puts the
probability of each label into `doc.cats`, beside what is there. Where an entity overlaps one that an earlier component
found, the earlier one stays; with `overwrite_ents` it gives way (both as spaCy's entity_ruler has it).

A pipeline on disk holds the settings in its `config.cfg` and not the model, which must be where `model` says when the
pipeline is loaded. Do not combine with `n_process`: JAX is not made to be forked, and uses all cores by itself.
"""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from spacy.language import Language
from spacy.pipeline import Pipe
from spacy.tokens import Doc, Span, Token
from spacy.util import minibatch

from seqtag.document import InDocument
from seqtag.interchange import register_score
from seqtag.sentences import split_sentences

if TYPE_CHECKING:
    from seqtag.tagging.tagger import Tagger


class SeqtagComponent(Pipe):
    """Sets `doc.ents` with the probability of each as `span._.score`, and `doc.cats` by a model that labels texts."""

    def __init__(self, tagger: "Tagger", name: str, min_score: float, overwrite_ents: bool) -> None:
        self.tagger = tagger
        self.name = name
        self.min_score = min_score
        self.overwrite_ents = overwrite_ents
        register_score()

    def __call__(self, doc: Doc) -> Doc:
        """Tag one Doc."""
        self._tag([doc])
        return doc

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 128) -> Iterator[Doc]:
        """Tag many, `batch_size` at a time, in order; what goes wrong goes to the pipeline's error handler."""
        for docs in minibatch(stream, batch_size):
            docs = list(docs)
            try:
                self._tag(docs)
            except Exception as error:
                self.get_error_handler()(self.name, self, docs, error)
            else:
                yield from docs

    def _tag(self, docs: list[Doc]) -> None:
        sentences = [_sentences(doc, is_whole=bool(self.tagger.classes)) for doc in docs]
        texts = [
            InDocument([token.text for token in tokens], number)
            for number, of_doc in enumerate(sentences)
            for tokens in of_doc
        ]
        tagged = self.tagger.tag(texts, min_score=self.min_score)
        for doc, of_doc in zip(docs, sentences, strict=True):
            found: list[tuple[Span, float]] = []
            for tokens in of_doc:
                document = next(tagged)
                doc.cats.update(document.labels)
                first = {start: token.i for (start, _), token in zip(document.offsets, tokens, strict=True)}
                last = {end: token.i for (_, end), token in zip(document.offsets, tokens, strict=True)}
                for _, label, start, end, score in document.entities:
                    found.append((Span(doc, first[start], last[end] + 1, label=label), score))
            self._add(doc, found)

    def _add(self, doc: Doc, found: list[tuple[Span, float]]) -> None:
        before = list(doc.ents)
        if self.overwrite_ents:
            before = _apart(before, [span for span, _ in found])
        added = _apart([span for span, _ in found], before)
        doc.ents = [*before, *added]
        scores = {(span.start, span.end): score for span, score in found}
        for span in added:
            span._.score = scores[span.start, span.end]


@Language.factory(
    "seqtag",
    assigns=["doc.ents", "token.ent_iob", "token.ent_type", "doc.cats"],
    default_config={"revision": None, "min_score": 0.0, "overwrite_ents": False},
)
def make_seqtag(
    nlp: Language, name: str, model: str, revision: str | None, min_score: float, overwrite_ents: bool
) -> SeqtagComponent:
    """The component.

    Args:
        nlp: the pipeline.
        name: of the component in it.
        model: path of a model folder or run folder, or the id of a model on the Hugging Face Hub.
        revision: branch, tag or commit; for Hub ids only.
        min_score: leave out entities that are less probable.
        overwrite_ents: let entities of earlier components give way where they overlap.

    Raises InputError where there is no model.
    """
    from seqtag.tagging.tagger import Tagger  # takes seconds, and spaCy imports this file for every pipeline

    return SeqtagComponent(Tagger.load(model, revision), name, min_score, overwrite_ents)


def _sentences(doc: Doc, is_whole: bool) -> list[list[Token]]:
    """The tokens to tag; no sentence is empty. `is_whole` takes them for one sentence."""
    if is_whole:
        tokens = [token for token in doc if not token.is_space]
        return [tokens] * bool(tokens)
    if doc.has_annotation("SENT_START"):
        found = [[token for token in sentence if not token.is_space] for sentence in doc.sents]
        return [tokens for tokens in found if tokens]
    tokens = [token for token in doc if not token.is_space]
    bounds = split_sentences(doc.text, [(token.idx, token.idx + len(token)) for token in tokens])
    return [tokens[start:end] for start, end in bounds]


def _apart(spans: list[Span], others: list[Span]) -> list[Span]:
    """Those of `spans` that share no token with any of `others`."""
    taken = {token for span in others for token in range(span.start, span.end)}
    return [span for span in spans if taken.isdisjoint(range(span.start, span.end))]
