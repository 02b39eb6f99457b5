"""What a token costs: arithmetic of the model by formula, share of the machine's peak, core-hours."""

from typing import NamedTuple

TRILLION = 10**12
TRAINING = 3
"""A step's products over those of the forward pass: the gradient of each product is two more."""


class Sizes(NamedTuple):
    """What the arithmetic of the model depends on."""

    word_dim: int = 100
    char_dim: int = 30
    filters: int = 50
    width: int = 3
    hidden: int = 256
    tags: int = 17
    characters: float = 5.0
    """Of a token, on average; padding does not count as work."""


def flops_per_token(sizes: Sizes) -> dict[str, float]:
    """Multiplications and additions of the forward pass for one token, as the model is written down.

    An implementation may need fewer, by doing once what is the same for several tokens.

    `chars` is the convolution, `lstm` the input and recurrent products of both directions, `emissions` the scores of
    the tags, `crf` a step of the forward or Viterbi recursion (an addition and a reduction for each pair of tags).
    """
    features = sizes.word_dim + sizes.filters
    parts = {
        "chars": 2 * sizes.characters * sizes.width * sizes.char_dim * sizes.filters,
        "lstm": 2.0 * 2 * 4 * sizes.hidden * (features + sizes.hidden),
        "emissions": 2.0 * 2 * sizes.hidden * sizes.tags,
        "crf": 2.0 * sizes.tags**2,
    }
    return parts | {"forward": sum(parts.values()), "training": TRAINING * sum(parts.values())}


def share_of_peak(tokens_per_second: float, flops_of_token: float, peak_flops: float) -> float:
    """How much of the machine's matrix-product speed is used."""
    return tokens_per_second * flops_of_token / peak_flops


def core_hours(tokens_per_second: float, cores: float, tokens: int = TRILLION) -> float:
    """Hours of a core to tag so many tokens, at a speed that keeps so many cores busy."""
    return tokens / tokens_per_second * cores / 3600
