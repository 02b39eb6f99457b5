"""Everything a run is made of, built from its configuration and data: vocabulary, network, optimizer, batches."""

import hashlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np
import optax
from flax import nnx
from jaxtyping import Float32, PRNGKeyArray

from seqtag.batch import FIRST, Batch
from seqtag.config import Config
from seqtag.data.batching import Buckets, Plan, choose_buckets, make_batch, plan_batches, sentences_of
from seqtag.data.encoding import TokenTable
from seqtag.data.schema import Corpus
from seqtag.data.split import Split, TagIds
from seqtag.data.vectors import read_word_vectors
from seqtag.errors import InputError
from seqtag.nn.devices import Devices
from seqtag.nn.model import TaggingModel
from seqtag.schemes import split_tag
from seqtag.tagging.model_directory import TrainedModel
from seqtag.training.optimizer import learning_rate, make_optimizer
from seqtag.vocabulary import Vocabulary, build_vocabulary

_COUNTING = 10_000
"""Sentences read at a time to count words."""


@dataclass
class Experiment:
    """The fixed parts of a run; what changes is in `TrainState` and `Progress`."""

    config: Config
    splits: dict[str, Split]
    vocabulary: Vocabulary
    table: TokenTable
    tag_ids: TagIds
    buckets: Buckets
    devices: Devices
    graph: Any
    params: Any
    """Initial weights."""
    constants: Any
    vector_features: int
    word_drop_rates: Float32[np.ndarray, " words"]
    steps_per_epoch: int
    """Of the first epoch; rows are packed anew for each, so that others may have one more or less."""
    schedule: optax.Schedule
    """Learning rate by step, the plateau's factor aside."""
    optimizer: optax.GradientTransformation
    fingerprint: str
    """Of the training part as the network sees it."""

    def plan(self, epoch: int) -> list[Plan]:
        """The batches of an epoch, counted from 0: the same for the same seed."""
        return _plan(self.splits["train"], self.buckets, self.config.training.seed, epoch)

    def prepare(self, plan: Plan) -> Batch:
        """Read, encode and place a batch of the training part."""
        sentences = self.splits["train"][plan.sentences]
        shape = (self.devices.rows(self.buckets.rows(plan.length)), plan.length)
        rows = list(sentences_of(plan, sentences.tokens))
        batch = make_batch(rows, [self.tag_ids(tags) for tags in sentences.tags], self.table, shape)
        return self.devices.spread_batch(batch)

    def trained(self, params: Any) -> TrainedModel:
        """What is shipped, with these weights."""
        data = self.config.data
        is_hub_id = data.format == "hub" and data.path is not None and not Path(data.path).exists()
        return TrainedModel(
            task=self.config.task,
            config=self.config.model,
            vocabulary=self.vocabulary,
            buckets=self.buckets,
            graph=self.graph,
            params=params,
            constants=self.constants,
            data={
                "format": data.format,
                "path": data.path if is_hub_id else None,
                "revision": data.revision,
                "train": data.train,
            },
            vector_features=self.vector_features,
        )


def build_experiment(config: Config, corpus: Corpus) -> Experiment:
    """Set up a run. Raises InputError where the training part has nothing to learn."""
    splits = {str(role): Split(dataset) for role, dataset in corpus.splits.items()}
    train = splits["train"]
    token_counts, labels = _count(train)
    if not labels:
        source = corpus.findings["train"].source if "train" in corpus.findings else "the training part"
        raise InputError(f"{source}: no labelled span in the training part; check data.tag_column and data.format")
    model = config.model
    pretrained = read_word_vectors(model.word_vectors) if model.word_vectors else None
    vocabulary, word_counts = build_vocabulary(token_counts, labels, model, pretrained.words if pretrained else ())
    training = config.training
    buckets = choose_buckets(train.lengths, training.max_buckets, training.batch_tokens, training.pack_sentences)
    vectors = pretrained.vectors if pretrained else None
    graph, params, constants = _initialize(config, vocabulary, vectors)
    steps_per_epoch = len(_plan(train, buckets, training.seed, epoch=0))
    schedule = learning_rate(training, steps_per_epoch)
    devices = Devices()
    return Experiment(
        config=config,
        splits=splits,
        vocabulary=vocabulary,
        table=TokenTable(vocabulary, model.max_word_length),
        tag_ids=TagIds(vocabulary.tags),
        buckets=buckets,
        devices=devices,
        graph=graph,
        params=devices.copy(params),
        constants=devices.copy(constants),
        vector_features=0 if vectors is None else vectors.shape[1],
        word_drop_rates=_word_drop_rates(vocabulary, word_counts, model.word_dropout),
        steps_per_epoch=steps_per_epoch,
        schedule=schedule,
        optimizer=make_optimizer(training, schedule),
        fingerprint=_fingerprint(vocabulary, train),
    )


def _initialize(
    config: Config, vocabulary: Vocabulary, vectors: Float32[np.ndarray, "words features"] | None
) -> tuple[Any, Any, Any]:
    """Structure, parameters and constants of a new network, in one compiled program rather than one an array."""
    graph = None

    def build(key: PRNGKeyArray, vectors: Any) -> tuple[Any, Any]:
        nonlocal graph
        network = TaggingModel(config.model, vocabulary, vectors, nnx.Rngs(key), config.training.precision)
        graph, params, constants = nnx.split(network, nnx.Param, ...)
        return params, constants

    params, constants = jax.jit(build)(jax.random.fold_in(jax.random.key(config.training.seed), 0), vectors)
    return graph, params, constants


def _plan(train: Split, buckets: Buckets, seed: int, epoch: int) -> list[Plan]:
    return plan_batches(train.lengths, buckets, np.random.default_rng([seed, epoch]))


def _count(train: Split) -> tuple[Counter[str], set[str]]:
    """How often each token occurs, and the labels."""
    tokens: Counter[str] = Counter()
    tags: set[str] = set()
    for start in range(0, len(train), _COUNTING):
        sentences = train[range(start, min(start + _COUNTING, len(train)))]
        for sentence, sentence_tags in zip(sentences.tokens, sentences.tags, strict=True):
            tokens.update(sentence)
            tags.update(sentence_tags)
    return tokens, {label for tag in tags if (label := split_tag(tag)[1])}


def _word_drop_rates(vocabulary: Vocabulary, counts: Counter[str], strength: float) -> Float32[np.ndarray, " words"]:
    """a / (a + count) by word id (as in Kiperwasser and Goldberg 2016); never for padding and unknown."""
    known = np.array([counts[word] for word in vocabulary.words], np.float32)
    rates = strength / (strength + known) if strength > 0 else np.zeros_like(known)
    return np.concatenate([np.zeros(FIRST, np.float32), rates])


def _fingerprint(vocabulary: Vocabulary, train: Split) -> str:
    digest = hashlib.sha256(repr(vocabulary.to_dict()).encode("utf-8", "surrogatepass"))
    digest.update(train.lengths.tobytes())
    return digest.hexdigest()[:16]
