"""The tagger: texts in, documents out."""

import heapq
import itertools
import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from seqtag.batch import Outputs
from seqtag.data.ahead import prepared_ahead
from seqtag.data.document_ids import document_numbers
from seqtag.decoding.outputs import Prediction, ScoredSpan
from seqtag.document import Document, Entity, InDocument, Tagging
from seqtag.errors import InputError
from seqtag.tagging.chunks import Chunks
from seqtag.tagging.engine import Engine, Job
from seqtag.tagging.model_directory import TrainedModel, find_model, load_model, push_model, save_model
from seqtag.tagging.offsets import Offsets
from seqtag.tagging.options import Options, make_options
from seqtag.tagging.portion import Limits, Portion
from seqtag.tagging.preparing import Input, Prepared, PreparedTexts, check_input, prepare

_LIMITS = Limits(characters=200_000, inputs=10_000, document=4_000_000)
"""Of the texts taken at a time: some ten full batches."""


class _Work(NamedTuple):
    """Some texts made ready."""

    texts: PreparedTexts
    job: Job


class Tagger:
    """Finds the entities of texts with a trained model. May be used by several threads at once."""

    def __init__(self, model: TrainedModel) -> None:
        self.model = model
        self._engine = Engine(model)
        self._chunks = Chunks()

    @classmethod
    def load(cls, name: str, revision: str | None = None, precision: str = "float32") -> "Tagger":
        """The tagger in a model folder or a run folder, or under a Hub id; see `seqtag.load`."""
        return cls(load_model(find_model(name, revision), precision))

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that entities may have."""
        return self.model.vocabulary.labels

    @property
    def classes(self) -> tuple[str, ...]:
        """The labels that whole texts may have; none of a model that only tags."""
        return self.model.vocabulary.classes

    @property
    def compiled_shapes(self) -> int:
        """Programs compiled so far: a handful, soon no more."""
        return self._engine.compiled_shapes

    def __call__(
        self,
        text: Input,
        *,
        min_score: float = 0.0,
        n_best: int = 0,
        split_sentences: bool | None = None,
        window: int | None = None,
        overlap: int = 64,
    ) -> Document:
        """The tagged text; arguments are those of `tag`. Nothing is read ahead."""
        options = self._options(min_score, n_best, split_sentences, window, overlap)
        check_input(text, "the text")
        work = self._prepare([text], options)
        return next(self._finish(work, self._engine.read(work.job, self._engine.start(work.job)), options))

    def tag(
        self,
        texts: Iterable[Input],
        *,
        min_score: float = 0.0,
        n_best: int = 0,
        split_sentences: bool | None = None,
        window: int | None = None,
        overlap: int = 64,
    ) -> Iterator[Document]:
        """A document for each text, in order, as they are asked for.

        `texts` may be endless: up to a million characters are read ahead and no more is kept. Batches are formed
        across texts, in shapes that do not depend on them, so that after the first ones nothing is compiled.

        Args:
            texts: raw texts, lists of tokens (each one sentence), or both; in `seqtag.InDocument` where neighbours are
                of one document.
            min_score: leave out entities that are less probable; their tokens are shown as O, with its probability.
            n_best: put so many of the most probable taggings of each text into `Document.n_best`; 1,000 at most.
            split_sentences: tag each sentence of a raw text by itself, or the text as one. By default they are split
                unless the model labels whole texts; then they cannot be.
            window: tag sentences of more tokens than this by windows of so many, side by side; by default every
                sentence is read whole, whatever its length. 4,096 at most.
            overlap: tokens that neighbouring windows share. What a window cannot see lies half of this away or further.

        Raises InputError for an argument out of range, and, with its position, for what is neither text nor tokens.
        """
        options = self._options(min_score, n_best, split_sentences, window, overlap)
        return self._tag(texts, options)

    def _tag(self, texts: Iterable[Input], options: Options) -> Iterator[Document]:
        # While the device scores a part, the one before is read from its scores, and the one before that put together.
        # An accelerator does all in order: what is asked of it for a part is done when the next one has been scored.
        scored: tuple[_Work, list[Any]] | None = None
        being_read: tuple[_Work, list[Outputs]] | None = None
        failure: Exception | None = None

        def works() -> Iterator[_Work | None]:
            nonlocal failure
            try:
                yield from prepared_ahead(lambda part: self._prepare(part, options), _parts(texts), depth=1)
            except Exception as error:
                failure = error
            yield from (None, None)

        for work in works():
            started = work and (work, self._engine.start(work.job))
            read = scored and (scored[0], self._engine.read(scored[0].job, scored[1]))
            if being_read:
                yield from self._finish(*being_read, options)
            scored, being_read = started, read
        if failure is not None:  # only now: all before it is given out
            raise failure

    def save(self, path: str | Path) -> None:
        """Write the model folder, its card included. Raises InputError where there is something at `path` already."""
        path = Path(path)
        if path.exists() and not (path.is_dir() and not any(path.iterdir())):
            raise InputError(f"{path}: is there already; name a new folder for the model")
        save_model(self.model, path)

    def push_to_hub(self, repo_id: str, *, private: bool | None = None, revision: str | None = None) -> str:
        """Upload the model folder, its card included, to the Hugging Face Hub; returns the address of the commit.

        The repository is made where there is none. Who you are is up to huggingface_hub (`hf auth login`, or the
        variable HF_TOKEN). Raises InputError where the Hub refuses.
        """
        return push_model(self.model, repo_id, private, revision)

    def _options(
        self, min_score: float, n_best: int, split_sentences: bool | None, window: int | None, overlap: int
    ) -> Options:
        vocabulary = self.model.vocabulary
        if split_sentences is None:
            split_sentences = not vocabulary.classes
        if vocabulary.classes and (split_sentences or window is not None):
            name = "split_sentences" if split_sentences else "window"
            raise InputError(f"{name}: this model labels whole texts, so they are read whole")
        if n_best and not vocabulary.tags:
            raise InputError("n_best: this model tags nothing; Document.labels has every label with its probability")
        return make_options(min_score, n_best, split_sentences, window, overlap)

    def _prepare(self, texts: list[Input], options: Options) -> _Work:
        prepared = PreparedTexts(prepare(text, self._chunks, options.split_sentences) for text in texts)
        sentences = [text.tokens[start:end] for text in prepared for start, end in text.sentences]
        numbers = document_numbers(text.document for text in prepared)
        documents = np.repeat(numbers, [len(text.sentences) for text in prepared]).tolist()
        return _Work(prepared, self._engine.prepare(sentences, documents, options.windows))

    def _labelled(self, document: Document, sentences: list[Prediction]) -> Document:
        """The document with its labels."""
        if not self.classes:
            return document
        probabilities = sentences[0].label_probabilities if sentences else None
        if probabilities is None:
            return replace(document, labelled=True)
        order = probabilities.argsort(kind="stable")[::-1].tolist()
        labels = {self.classes[index]: float(probabilities[index]) for index in order}
        label = next(iter(labels))
        weights = sentences[0].attention or ()
        return replace(document, labelled=True, label=label, score=labels[label], labels=labels, attention=weights)

    def _finish(self, work: _Work, outputs: list[Outputs], options: Options) -> Iterator[Document]:
        """The documents, one at a time: those that nobody keeps are gone before the garbage collector has seen them."""
        tagged = self._engine.finish(work.job, outputs)
        ranked = iter(self._engine.n_best(work.job, options.n_best) if options.n_best else ())
        for text in work.texts:
            count = len(text.sentences)
            own, best = list(itertools.islice(tagged, count)), list(itertools.islice(ranked, count))
            yield self._labelled(_document(text, own, best, options), own)


def _parts(texts: Iterable[Input]) -> Iterator[list[Input]]:
    """Texts by the part. What is of one document stays together, within reason.

    Raises InputError for what is neither text nor tokens, and what `texts` raises, after all texts before it.
    """
    if isinstance(texts, str):
        raise InputError("tag takes several texts; for one, call the tagger itself")
    if not isinstance(texts, Iterable):
        raise InputError(f"tag takes texts, a list of them for example, not {type(texts).__name__}")
    part, portion = [], Portion(_LIMITS)
    try:
        for position, text in enumerate(texts):
            check_input(text, f"texts[{position}]")
            given, document = (text.given, text.document) if isinstance(text, InDocument) else (text, None)
            if portion.ends_before(document):
                yield part
                part, portion = [], Portion(_LIMITS)
            part.append(text)
            portion.add(given, document)
            if portion.has_ended():
                yield part
                part, portion = [], Portion(_LIMITS)
    except Exception:
        if part:
            yield part
        raise
    if part:
        yield part


def _document(
    text: Prepared, sentences: list[Prediction], ranked: list[list[tuple[float, Prediction]]], options: Options
) -> Document:
    tags = list(itertools.chain.from_iterable([sentence.tags for sentence in sentences]))
    scores = list(itertools.chain.from_iterable([sentence.scores for sentence in sentences]))
    spans = []
    for (first, _), sentence in zip(text.sentences, sentences, strict=True):
        for span in sentence.spans:
            if span.score >= options.min_score:
                spans.append((first, span))
                continue
            for token in range(span.start, span.end):
                tags[first + token], scores[first + token] = "O", float(sentence.outside[token])
    offsets = text.offsets()
    return Document(
        text=text.text,
        offsets=offsets,
        tags=tags,
        token_scores=scores,
        entities=_entities(text, offsets, spans),
        sentences=list(text.sentences),
        pretokenized=text.pretokenized,
        n_best=_taggings(text, offsets, ranked, options.n_best) if options.n_best else [],
    )


def _entities(text: Prepared, offsets: Offsets, spans: list[tuple[int, ScoredSpan]]) -> list[Entity]:
    """Entities of spans in order, each with the first token of its sentence."""
    places = offsets.of_spans((first + start, first + end) for first, (_, start, end, _) in spans)
    return [
        Entity(text.text[start:end], label, start, end, score)
        for (start, end), (_, (label, _, _, score)) in zip(places, spans, strict=True)
    ]


def _taggings(
    text: Prepared, offsets: Offsets, ranked: list[list[tuple[float, Prediction]]], count: int
) -> list[Tagging]:
    """The most probable taggings of a text out of those of its sentences, which do not depend on one another."""
    best: list[tuple[float, Any]] = [
        (0.0, None)
    ]  # log probability; the last sentence's tagging, linked to those before
    for sentence in ranked:
        joined = ((value + own, (before, tagged)) for value, before in best for own, tagged in sentence)
        best = heapq.nlargest(count, joined, key=lambda entry: entry[0])
    return [_tagging(text, offsets, value, linked) for value, linked in best]


def _tagging(text: Prepared, offsets: Offsets, log_probability: float, linked: Any) -> Tagging:
    sentences: list[Prediction] = []
    while linked is not None:
        linked, sentence = linked
        sentences.append(sentence)
    sentences.reverse()
    placed = list(zip(text.sentences, sentences, strict=True))
    return Tagging(
        math.exp(min(log_probability, 0.0)),
        [tag for sentence in sentences for tag in sentence.tags],
        _entities(text, offsets, [(first, span) for (first, _), sentence in placed for span in sentence.spans]),
    )
