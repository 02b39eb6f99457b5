"""Everything a run is made of, built from its configuration and data: vocabulary, network, optimizer, batches."""

import hashlib
from collections import Counter
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
import optax
from flax import nnx
from jaxtyping import Float32, PRNGKeyArray

from seqtag.batch import FIRST, UNKNOWN, Batch
from seqtag.config import Config
from seqtag.data.batching import Buckets, Gold, Plan, choose_buckets, make_batch, plan_batches, sentences_of
from seqtag.data.checks import check_gold, check_learnable
from seqtag.data.encoding import TokenTable
from seqtag.data.schema import Corpus
from seqtag.data.split import GoldIds, Split, fingerprint
from seqtag.data.vectors import Coverage, WordVectors, read_word_vectors
from seqtag.errors import InputError
from seqtag.evaluation.span_errors import span_texts
from seqtag.nn.backends import check_backend
from seqtag.nn.devices import Devices
from seqtag.nn.model import Network
from seqtag.schemes import split_tag
from seqtag.tagging.model_directory import TrainedModel, abstract_model, find_model, load_model
from seqtag.training.lazy import Lookups
from seqtag.training.optimizer import learning_rate, make_optimizer
from seqtag.vocabulary import Vocabulary, build_vocabulary

_LEAST_LABELLED = 4
"""Positions of the shortest sentence where sentences have labels: of a row of 32, no more than 8 are to be pooled."""


class Work(NamedTuple):
    """A batch of the training part."""

    batches: list[Batch]
    """Its rows, in parts of one shape."""
    lookups: Lookups | None
    """What its tokens look up; None where embeddings are not lazy."""
    tokens: int
    """Real tokens of all parts."""
    labelled: int
    """Sentences of all parts whose labels are known."""


@dataclass
class Experiment:
    """The fixed parts of a run; what changes is in `TrainState` and `Progress`."""

    config: Config
    splits: dict[str, Split]
    vocabulary: Vocabulary
    table: TokenTable
    """For training alone."""
    gold_ids: GoldIds
    class_weights: Float32[np.ndarray, "2 classes"]
    """As `LabelObjective` has them."""
    buckets: Buckets
    """For training, whose batches are divided among programs."""
    prediction_buckets: Buckets
    devices: Devices
    graph: Any
    params: Any
    """Initial weights."""
    constants: Any
    teacher: TrainedModel | None
    """Whose probabilities are learned too."""
    vector_features: int
    coverage: Coverage | None
    """By pretrained vectors; None where there are none."""
    word_drop_rates: Float32[np.ndarray, " words"]
    steps_per_epoch: int
    """Of one epoch; rows are packed anew for each, so that some may have one more or less."""
    schedule: optax.Schedule
    """Learning rate by step, the plateau's factor aside."""
    optimizer: optax.GradientTransformation
    seen_spans: frozenset[tuple[str, str]]
    """Texts of the training part's spans, tokens joined by spaces, and their labels."""
    fingerprint: str
    """Of the vocabulary, the training and validation parts, and the teacher."""

    def plan(self, epoch: int) -> list[Plan]:
        """The batches of an epoch, counted from 0: the same for the same seed."""
        return _plan(self.splits["train"], self.buckets, self.config.training.seed, epoch)

    def prepare(self, plan: Plan) -> Work:
        """Read, encode and place a batch of the training part, divided into as many parts as programs run at once."""
        sentences = self.splits["train"][plan.sentences]
        gold = self.gold_ids(sentences)
        rows = list(sentences_of(plan, sentences.tokens))
        batch_rows = self.buckets.rows(plan.length)
        size = self.devices.rows(-(-batch_rows // min(self.devices.programs_at_once, batch_rows)))
        batches: list[Batch] = []
        done = 0
        for start in range(0, batch_rows, size):
            part = rows[start : start + size]
            own = slice(done, done + sum(map(len, part)))
            batches.append(
                make_batch(
                    part,
                    Gold(gold.tags[own], gold.classes[own]),
                    self.table,
                    (size, plan.length),
                    self.buckets.max_sentences(plan.length),
                )
            )
            done = own.stop
        tokens, is_lazy = [batch.tokens for batch in batches], self.config.training.lazy_embeddings
        return Work(
            batches=[self.devices.shard_batch(batch) for batch in batches],
            lookups=Lookups.of(tokens, self.params) if is_lazy else None,
            tokens=sum(int(batch.mask.sum()) for batch in batches),
            labelled=sum(int(batch.labelled.sum()) for batch in batches),
        )

    def trained(self, params: Any) -> TrainedModel:
        """What is shipped, with these weights: all but the language model, which is there for training alone."""
        data = self.config.data
        is_hub_id = data.format == "hub" and data.path is not None and not Path(data.path).exists()
        is_public = is_hub_id or data.format == "sample"
        return TrainedModel(
            task=self.config.task,
            config=self.config.model,
            vocabulary=self.vocabulary,
            buckets=self.prediction_buckets,
            graph=nnx.graphdef(abstract_model(self.config.model, self.vocabulary, self.vector_features)),
            params=_without_language_model(params),
            constants=self.constants,
            # Of other data, others can find nothing, and names of files may be paths.
            data=asdict(data) if is_public else {"format": data.format, "path": None},
            vector_features=self.vector_features,
        )


def _read_teacher(name: str | None, task: str, vocabulary: Vocabulary) -> TrainedModel | None:
    """Raises InputError for a folder without a model, or one that knows other words, tags or labels."""
    if name is None:
        return None
    teacher = load_model(find_model(name))
    if (teacher.task, teacher.vocabulary) != (task, vocabulary):
        raise InputError(
            f"training.teacher {name}: its task or vocabulary is not that of this run; train it on the same data, with "
            "the same model settings for words, affixes and tags"
        )
    return teacher


def _without_language_model(params: Any) -> Any:
    return nnx.from_flat_state([(path, own) for path, own in nnx.to_flat_state(params) if "language_model" not in path])


def build_experiment(config: Config, corpus: Corpus) -> Experiment:
    """Set up a run. Raises InputError where the training part has nothing to learn, or the backend cannot run here."""
    splits = {str(role): Split(dataset) for role, dataset in corpus.splits.items()}
    train = splits["train"]
    counted = _count(train)
    source = corpus.findings["train"].source if "train" in corpus.findings else "the training part"
    check_learnable(counted.labels, counted.classes, config, source)
    for role, split in splits.items():
        if role != "train":
            check_gold(split, role, config.task, corpus.findings[role].source)
    check_backend(config.model)
    model = config.model
    pretrained = read_word_vectors(model.word_vectors) if model.word_vectors else None
    vocabulary = build_vocabulary(
        counted.tokens,
        counted.labels if config.task != "classification" else (),
        model,
        pretrained.words if pretrained else (),
        counted.classes if config.task != "ner" else (),
        config.data.multi_label,
    )
    training = config.training
    teacher = _read_teacher(training.teacher, config.task, vocabulary)
    devices = Devices()

    def buckets_for(programs: int) -> Buckets:
        least_rows = programs * devices.least_rows(training.precision)
        packed = training.pack_sentences
        chosen = choose_buckets(train.lengths, training.max_buckets, training.batch_tokens, packed, least_rows)
        return chosen._replace(least=_LEAST_LABELLED) if vocabulary.classes else chosen

    buckets = buckets_for(devices.programs_at_once)
    vectors = pretrained.vectors if pretrained else None
    graph, params, constants = _initialize(config, vocabulary, vectors)
    # Of no seed in particular: runs of several seeds then share their compiled programs.
    steps_per_epoch = len(_plan(train, buckets, seed=0, epoch=0))
    schedule = learning_rate(training, steps_per_epoch)
    # What is unknown in training stays so, as the unknown entries have nothing else to learn from.
    table = TokenTable(replace(vocabulary, fold_case=False), model.max_word_length)
    return Experiment(
        config=config,
        splits=splits,
        vocabulary=vocabulary,
        table=table,
        gold_ids=GoldIds(vocabulary),
        class_weights=_class_weights(vocabulary, counted, training.class_weights == "balanced"),
        buckets=buckets,
        prediction_buckets=buckets_for(1),
        devices=devices,
        graph=graph,
        params=devices.replicate(params),
        constants=devices.replicate(constants),
        teacher=teacher,
        vector_features=0 if vectors is None else vectors.shape[1],
        coverage=_coverage(str(model.word_vectors), pretrained, table, counted.tokens) if pretrained else None,
        word_drop_rates=_word_drop_rates(vocabulary, model.word_dropout),
        steps_per_epoch=steps_per_epoch,
        schedule=schedule,
        optimizer=make_optimizer(training, schedule, model.members),
        seen_spans=counted.spans,
        fingerprint=_fingerprint(vocabulary, splits, teacher),
    )


def _initialize(
    config: Config, vocabulary: Vocabulary, vectors: Float32[np.ndarray, "words features"] | None
) -> tuple[Any, Any, Any]:
    """Structure, parameters and constants of a new network, in one compiled program rather than one an array."""
    graph = None

    def build(key: PRNGKeyArray, vectors: Any) -> tuple[Any, Any]:
        nonlocal graph
        training = config.training
        words = training.language_model_words if training.language_model_weight else 0
        network = Network(config.model, vocabulary, vectors, nnx.Rngs(key), training.precision, words)
        graph, params, constants = nnx.split(network, nnx.Param, ...)
        return params, constants

    params, constants = jax.jit(build)(jax.random.fold_in(jax.random.key(config.training.seed), 0), vectors)
    return graph, params, constants


def _plan(train: Split, buckets: Buckets, seed: int, epoch: int) -> list[Plan]:
    return plan_batches(train.lengths, buckets, np.random.default_rng([seed, epoch]))


class _Counted(NamedTuple):
    """What is in a training part."""

    tokens: Counter[str]
    labels: set[str]
    """Of spans."""
    classes: Counter[str]
    """Labels of whole sentences."""
    spans: frozenset[tuple[str, str]]
    """Their texts, tokens joined by spaces, and labels."""
    labelled: int
    """Sentences whose labels are known."""


def _count(train: Split) -> _Counted:
    tokens: Counter[str] = Counter()
    classes: Counter[str] = Counter()
    tags: set[str] = set()
    spans: set[tuple[str, str]] = set()
    labelled = 0
    for sentences in train.stretches():
        for sentence, sentence_tags, labels in zip(*sentences, strict=True):
            tokens.update(sentence)
            tags.update(sentence_tags)
            spans.update(span_texts(sentence_tags, sentence))
            classes.update(labels or ())
            labelled += labels is not None
    labels = {label for tag in tags if (label := split_tag(tag)[1])}
    return _Counted(tokens, labels, classes, frozenset(spans), labelled)


def _coverage(source: str, pretrained: WordVectors, table: TokenTable, tokens: Counter[str]) -> Coverage:
    counts = np.fromiter(tokens.values(), np.int64)
    has_vector = table.vector_ids(tokens) != UNKNOWN
    return Coverage(
        source=Path(source).name,
        words=len(pretrained.words),
        features=pretrained.vectors.shape[1],
        repeated=pretrained.repeated,
        tokens=float(counts[has_vector].sum() / counts.sum()),
        distinct_tokens=float(has_vector.mean()),
    )


def _class_weights(vocabulary: Vocabulary, counted: _Counted, balanced: bool) -> Float32[np.ndarray, "2 classes"]:
    """1 throughout, or texts over choices times the texts that make each choice (scikit-learn's `balanced`).

    The choices are the classes; where a text may have several, to have a class or not. All choices then count alike.
    """
    classes = len(vocabulary.classes)
    if not balanced:
        return np.ones((2, classes), np.float32)
    having = np.array([counted.classes[label] for label in vocabulary.classes], np.float32)
    if not vocabulary.multi_label:
        return np.stack([np.ones_like(having), counted.labelled / (classes * having)])
    # Of what no text chooses the weight is never used.
    return counted.labelled / (2 * np.maximum(np.stack([counted.labelled - having, having]), 1.0))


def _word_drop_rates(vocabulary: Vocabulary, strength: float) -> Float32[np.ndarray, " words"]:
    """a / (a + count) by word id (as in Kiperwasser and Goldberg 2016); never for padding and unknown."""
    known = np.array(vocabulary.counts, np.float32)
    rates = strength / (strength + known) if strength > 0 else np.zeros_like(known)
    return np.concatenate([np.zeros(FIRST, np.float32), rates])


def _fingerprint(vocabulary: Vocabulary, splits: dict[str, Split], teacher: TrainedModel | None) -> str:
    digest = hashlib.sha256(repr(vocabulary.to_dict()).encode("utf-8", "surrogatepass"))
    # The parts that a run learns from and is chosen by.
    digest.update(fingerprint({role: split for role, split in splits.items() if role != "test"}).encode())
    for array in [] if teacher is None else jax.tree.leaves((teacher.params, teacher.constants)):
        digest.update(np.asarray(array).tobytes())
    return digest.hexdigest()[:16]
