"""The configuration: every setting, its default and its meaning, in one place.

Three sections of frozen dataclasses. Commands build a `Config` from a YAML file and flags (`seqtag/command_line.py`);
programs may build one directly. Settings are checked when the object is made, so a `Config` that exists is usable.
"""

import dataclasses
import math
from dataclasses import dataclass, field
from typing import Any, Literal, get_args, get_origin, get_type_hints

from seqtag.errors import InputError

Precision = Literal["float32", "bfloat16"]
PRECISIONS: tuple[str, ...] = get_args(Precision)


@dataclass(frozen=True)
class DataConfig:
    """Where the sentences come from and how they are read."""

    format: Literal["sample", "hub", "conll", "jsonl"] = "sample"
    """sample: the corpus inside the package; hub: a Hub id or a local folder in the Hub's layout; conll: files of
    columns; jsonl: a JSON object a line."""
    path: str | None = None
    """Hub id or local folder for hub; the folder of the files for conll and jsonl."""
    revision: str | None = None
    """Branch, tag or commit; read for Hub ids only."""
    subset: str | None = None
    """Configuration of a Hub data set that has several."""
    train: str = "train"
    """Split (hub, sample) or file name in the folder (conll, jsonl; with or without its extension)."""
    validation: float | str | None = "validation"
    """As `train`; a number between 0 and 1 holds that share of the training part out instead. Documents stay whole."""
    test: str | None = "test"
    """As `train`; null means there is none."""
    split_seed: int = 0
    """Fixes which sentences a held-out share takes."""
    token_column: str | int | None = None
    """Column of the tokens: a name (hub, jsonl) or a number counted from 0 (conll; default 0). Null: guessed."""
    tag_column: str | int | None = None
    """Column of the tags: a name, or for conll a number, negative from the end (default -1). Null: guessed."""
    text_column: str | None = None
    """Column of raw text (hub, jsonl). Null: guessed."""
    label_column: str | None = None
    """Column of the sentence's label (hub, jsonl). Null: guessed."""
    label_names: list[str] | None = None
    """Names of integer tags or labels, in order, where the data carry none."""
    multi_label: bool = False
    """A text may have several labels, or none: the label column holds lists. Otherwise it has one."""
    label_separator: str | None = None
    """With multi_label: what separates labels written as one string, as in atis_flight#atis_airfare."""
    delimiter: Literal["auto", "space", "tab"] = "auto"
    """What separates the columns of conll files."""
    tag_scheme: Literal["auto", "IOB1", "IOB2", "BIOES"] = "auto"
    """The scheme that the data are written in."""
    strict: bool = False
    """Make ill-formed tag sequences, spans off token boundaries and overlapping spans errors instead of mending and
    counting them."""
    max_sentence_length: int | None = None
    """Cut training sentences after so many tokens; what is cut is counted and said. Null: nothing is cut."""


@dataclass(frozen=True)
class ModelConfig:
    """The network."""

    members: int = 1
    """Networks trained side by side, from other initial weights and with other dropout, whose scores are averaged: an
    ensemble. Training, tagging and the model's size cost so many times as much."""
    encoder: Literal["lstm", "gru", "rnn"] = "lstm"
    """Recurrent cell."""
    head: Literal["crf", "softmax"] = "crf"
    """crf: linear-chain conditional random field; softmax: each tag on its own. Both decode under the tag scheme."""
    hidden_size: int = 200
    """Units of a recurrent layer, per direction."""
    num_layers: int = 1
    """Recurrent layers."""
    bidirectional: bool = True
    """Read the sentence both ways."""
    word_dim: int = 100
    """Size of word embeddings; a word vector file sets its own."""
    word_vectors: str | None = None
    """GloVe, word2vec or fastText text file; its words join the vocabulary."""
    tune_word_vectors: bool = True
    """Train the vectors of the file too."""
    lowercase: bool = False
    """Look words up in lower case. A vector file without capitals is always looked up so."""
    fold_digits: bool = True
    """Look words up with every digit as 0."""
    fold_case: bool = True
    """In tagging, take an unknown word, prefix or suffix for the most frequent one that differs in case alone."""
    min_count: int = 1
    """Training words rarer than this are unknown words."""
    word_dropout: float = 0.5
    """Replace a training word by the unknown word with probability a / (a + its count), a being this number."""
    char_encoder: Literal["cnn", "lstm", "none"] = "cnn"
    """Features from a word's characters: convolution and maximum, or the last states of a BiLSTM."""
    char_dim: int = 30
    """Size of character embeddings."""
    char_features: int = 50
    """Filters of the CNN, or units of the BiLSTM over both directions: an even number."""
    char_kernel_size: int = 3
    """Width of the CNN's filters, in characters."""
    max_word_length: int = 24
    """Longer words are seen by the character encoder as their first and last halves of this length."""
    shape_dim: int = 10
    """Size of word-shape embeddings (Xx, XX-00); 0 leaves them out."""
    affix_dim: int = 30
    """Size of each prefix and suffix embedding; 0 leaves them out."""
    affix_lengths: list[int] = field(default_factory=lambda: [1, 2, 3, 4])
    """Lengths of prefixes and suffixes, in characters."""
    dropout: float = 0.5
    """Dropout on the encoder's input and output."""
    embedding_dropout: float = 0.0
    """Drop whole tokens' embeddings (Gal and Ghahramani 2016)."""
    locked_dropout: bool = False
    """Hold a dropout mask fixed over a sentence's tokens (variational dropout)."""
    layer_dropout: float = 0.5
    """Dropout between recurrent layers."""
    document_sharing: float = 1.0
    """Move the scores of a word's tags towards their mean over its occurrences in the document, by the share
    a / (a + its count in training), a being this number; 0: each sentence by itself. Models that label texts do not."""
    pooling: Literal["attention", "max", "mean", "last"] = "attention"
    """One vector from a text's hidden states, for its label: their weighted mean (Yang et al. 2016), maximum, mean, or
    the last states of both directions."""
    tag_scheme: Literal["IOB2", "BIOES"] = "BIOES"
    """The scheme that is learned; tags are shown in IOB2 whatever it is."""
    backend: Literal["auto", "scan", "pallas"] = "auto"
    """Which implementation of the recurrent layer; all give the same results to rounding. scan runs everywhere; pallas,
    one kernel for all steps, on one NVIDIA GPU (compute capability 8.0 or above) and up to hidden_size 256. auto is
    scan, since pallas has not been measured on a GPU yet. Tagging falls back to scan where pallas cannot run."""


@dataclass(frozen=True)
class TrainingConfig:
    """The optimization."""

    epochs: int = 30
    """Passes over the training part."""
    seed: int = 1
    """Fixes initialization, order and dropout."""
    batch_tokens: int = 512
    """Token slots in a batch, padding included: rows times positions."""
    pack_sentences: bool = True
    """Fill rows with several sentences, kept apart by the network; else a sentence a row."""
    max_buckets: int = 6
    """Row lengths, one compiled shape each."""
    optimizer: Literal["adam", "adamw", "sgd"] = "adam"
    """sgd takes `momentum`, adamw `weight_decay`."""
    learning_rate: float = 0.002
    """Highest rate of the schedule."""
    schedule: Literal["constant", "cosine", "inverse_time", "plateau"] = "cosine"
    """cosine: to zero at the last step; inverse_time: rate / (1 + decay_rate * epochs done); plateau: times
    plateau_factor after plateau_patience evaluations without a better validation score."""
    decay_rate: float = 0.05
    """How fast schedule inverse_time falls, per epoch."""
    plateau_factor: float = 0.5
    """What schedule plateau multiplies the rate by."""
    plateau_patience: int = 2
    """Evaluations that schedule plateau waits for a better score."""
    warmup_steps: int = 0
    """Steps of linear growth up to the learning rate."""
    momentum: float = 0.9
    """Momentum of optimizer sgd."""
    weight_decay: float = 0.0
    """Decoupled weight decay of optimizer adamw."""
    lazy_embeddings: bool = False
    """Update only the rows of embedding tables that a batch looks up; the others keep their weights and moments. It is
    cheaper with a large vocabulary, but rare words learn more slowly: with few steps that costs accuracy."""
    clip_norm: float | None = 5.0
    """Scale gradients down to this global norm. Null: not at all."""
    label_loss_weight: float = 1.0
    """Weight of the loss of a text's label beside that of a token's tag, in task joint."""
    language_model_weight: float = 0.0
    """Weight of a second loss on the same text: each token's next word from what stands before it, its previous word
    from what comes after (Rei 2017). It costs time in training and none in tagging. 0 leaves it out."""
    language_model_words: int = 5000
    """The most frequent words, which that loss tells apart."""
    teacher: str | None = None
    """Folder of a model or a run, often of an ensemble: its probabilities are learned beside what is gold
    (distillation, Hinton et al. 2015). It must have learned from the same data. Null: no teacher."""
    teacher_weight: float = 0.5
    """Share of the loss that is against the teacher; the rest is against what is gold."""
    label_smoothing: float = 0.0
    """Share of a text's target that is spread over all labels."""
    class_weights: Literal["none", "balanced"] = "none"
    """balanced: of labels, the loss counts by one over their frequency in training; with data.multi_label, of having
    each label and of not having it."""
    ema_decay: float | None = None
    """Evaluate and keep an exponential moving average of the weights with this decay. Null: the weights themselves."""
    early_stopping: int | None = None
    """Stop after so many evaluations without a better validation score. Null: run all epochs."""
    precision: Precision = "float32"
    """Type of the encoder's products; parameters and the CRF stay float32."""
    deterministic: bool = False
    """Ask the GPU for repeatable sums, at some cost in speed. The CPU always is."""
    checkpoint_steps: int | None = None
    """Write training state every so many steps too. Null: after every epoch, and when told to stop."""
    tensorboard: bool = False
    """Write TensorBoard logs to the run folder (needs tensorboardX)."""
    bootstrap_samples: int = 1000
    """Resamples behind the 95 % interval of the final scores."""


@dataclass(frozen=True)
class Config:
    """A whole run."""

    task: Literal["ner", "classification", "joint"] = "ner"
    """ner: spans, slots included; classification: a label for a text; joint: both."""
    data: DataConfig = field(default_factory=DataConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)

    def __post_init__(self) -> None:
        _check(self)

    def with_seed(self, seed: int) -> "Config":
        """The same with another seed."""
        return dataclasses.replace(self, training=dataclasses.replace(self.training, seed=seed))

    def to_dict(self) -> dict[str, Any]:
        """Plain nested dictionaries, every key present."""
        return dataclasses.asdict(self)


def check_types(settings: DataConfig | ModelConfig | TrainingConfig) -> None:
    """Raise InputError for a value of another type than its setting has: for what comes from a file of another's."""
    for name, kind in get_type_hints(type(settings)).items():
        value = getattr(settings, name)
        if not is_of(value, kind):
            raise InputError(f"{name} cannot be {value!r}")


def is_of(value: Any, kind: Any) -> bool:
    """Whether a value has the type of a setting, as its annotation gives it. A whole number may stand for a float."""
    if get_origin(kind) is Literal:
        return value in get_args(kind)
    if get_origin(kind) is list:
        return isinstance(value, list) and all(is_of(entry, get_args(kind)[0]) for entry in value)
    if get_args(kind):  # a union
        return any(is_of(value, part) for part in get_args(kind))
    return type(value) is kind or (kind is float and type(value) is int)


_LARGEST_SEED = 2**32 - 1
"""What JAX's keys are made of."""
_POSITIVE = (
    "model.members model.hidden_size model.num_layers model.word_dim model.min_count model.char_dim "
    "model.char_features model.char_kernel_size training.epochs training.batch_tokens training.max_buckets "
    "training.learning_rate training.bootstrap_samples training.language_model_words training.plateau_patience "
    "training.plateau_factor"
).split()
_NOT_NEGATIVE = (
    "model.word_dropout model.document_sharing model.shape_dim model.affix_dim training.warmup_steps "
    "training.decay_rate training.label_loss_weight training.weight_decay training.seed "
    "training.language_model_weight"
).split()
_FRACTION = (
    "model.dropout model.embedding_dropout model.layer_dropout training.momentum training.plateau_factor "
    "training.ema_decay training.label_smoothing training.teacher_weight"
).split()
_POSITIVE_OR_NULL = (
    "data.max_sentence_length training.clip_norm training.early_stopping training.checkpoint_steps"
).split()


def _check(config: Config) -> None:
    """Raise InputError for a number out of range or settings that contradict each other."""

    def value(name: str) -> Any:
        section, key = name.split(".")
        return getattr(getattr(config, section), key)

    for section in ("data", "model", "training"):
        for name, number in vars(getattr(config, section)).items():
            if isinstance(number, float) and not math.isfinite(number):
                raise InputError(f"{section}.{name} must be a finite number, not {number}")
    for name in _POSITIVE:
        if not value(name) > 0:
            raise InputError(f"{name} must be greater than 0, not {value(name)}")
    for name in _NOT_NEGATIVE:
        if not value(name) >= 0:
            raise InputError(f"{name} must not be negative, but is {value(name)}")
    for name in _FRACTION:
        if value(name) is not None and not 0 <= value(name) < 1:
            raise InputError(f"{name} must be at least 0 and less than 1, not {value(name)}")
    for name in _POSITIVE_OR_NULL:
        if value(name) is not None and not value(name) > 0:
            raise InputError(f"{name} must be greater than 0 or null, not {value(name)}")
    if config.training.seed > _LARGEST_SEED:
        raise InputError(f"training.seed must be at most {_LARGEST_SEED}, not {config.training.seed}")
    if config.model.max_word_length < 2 * config.model.char_kernel_size:
        raise InputError("model.max_word_length must be at least twice model.char_kernel_size")
    if any(length < 1 for length in config.model.affix_lengths):
        raise InputError("model.affix_lengths must hold lengths of at least 1")
    if config.model.char_encoder == "lstm" and config.model.char_features % 2:
        raise InputError("model.char_features must be even for model.char_encoder lstm: each direction gives half")
    if config.data.validation is None:
        for name, needs in (
            ("training.early_stopping", config.training.early_stopping is not None),
            ("training.schedule plateau", config.training.schedule == "plateau"),
        ):
            if needs:
                raise InputError(f"{name} goes by the validation part, and data.validation is null; name a part")
    if config.data.format != "sample" and config.data.path is None:
        raise InputError(f"data.path must be set for data.format {config.data.format}")
    share = config.data.validation
    if isinstance(share, float | int) and not 0 < share < 1:
        raise InputError(f"data.validation must be a split, a file name or a number between 0 and 1, not {share}")
