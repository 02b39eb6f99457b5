"""What goes into the network, one fixed-shape batch of integers, and what comes out when it tags."""

from typing import Any, NamedTuple

from jaxtyping import Bool, Float32, Int32

PADDING, UNKNOWN = 0, 1
"""Ids that every vocabulary reserves; its own entries start at FIRST."""
FIRST = 2


class Tokens(NamedTuple):
    """What is known of each distinct token of a batch: padding first, then the unknown word, then the tokens."""

    word_ids: Int32[Any, " distinct"]
    vector_ids: Int32[Any, " distinct"]
    """Rows of the pretrained vectors."""
    shape_ids: Int32[Any, " distinct"]
    affix_ids: Int32[Any, "distinct affixes"]
    """One column for each length of prefix, then of suffix; all count the rows of one table."""
    char_ids: Int32[Any, "distinct chars"]


PADDING_TOKEN, UNKNOWN_TOKEN = 0, 1
"""The first two of `Tokens`."""
FIRST_TOKEN = 2


class Batch(NamedTuple):
    """Integers of `batch` rows of `time` token positions; numpy on the host, JAX arrays on the device.

    A row holds one sentence, or several one after another, then padding.
    """

    tokens: Tokens
    token_ids: Int32[Any, "batch time"]
    """Position in `tokens`."""
    sentence_ids: Int32[Any, "batch time"]
    """0 at padding, else the position of the token's sentence in its row, counted from 1."""
    tags: Int32[Any, "batch time"]
    """Gold tags; 0 where there are none."""
    targets: Float32[Any, "batch sentences classes"]
    """Gold labels of a row's sentences, in order: 1 for each label that one has. A model without labels has no classes,
    and then there are no sentences either; otherwise as many as a row may hold."""
    labelled: Bool[Any, "batch sentences"]
    """True for sentences whose labels are known."""

    @property
    def mask(self) -> Any:
        """True at real tokens: [batch, time]."""
        return self.sentence_ids > 0

    @property
    def shape(self) -> tuple[int, int, int]:
        """Rows, token positions and distinct tokens: what decides which compiled program serves the batch."""
        return *self.token_ids.shape, len(self.tokens.word_ids)


class Outputs(NamedTuple):
    """What the network says of a batch."""

    tagged: "Tagged | None"
    """The best tagging; None of a model that does not tag."""
    label_scores: Float32[Any, "batch sentences classes"] | None
    """Log probability of each label of each sentence, in nats; None of a model that does not label."""
    attention: Float32[Any, "batch time"] | None
    """The weight of each token in its sentence's vector; they sum to 1. None but of attention pooling."""


class Tagged(NamedTuple):
    """Taggings with what the probabilities of their tags and spans are made of."""

    tags: Int32[Any, "*taggings time"]
    """Tag ids; 0 at padding."""
    scores: Float32[Any, "*taggings time"]
    """Probability of the tag as it is shown, that is in IOB2, where B-X stands for S-X too."""
    outside: Float32[Any, "*rows time"]
    """Probability that the token is in no span."""
    marginals: Float32[Any, "*taggings time"]
    """Probability of the tag itself."""
    links: Float32[Any, "*taggings time"]
    """Log probability of the tag given the one before it, in nats; 0 at the first of a sentence."""
    closes: Float32[Any, "*taggings time"]
    """Log probability that the tag's span ends there, given the tag, in nats."""
