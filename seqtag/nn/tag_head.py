"""Tags: from hidden states to scores of tags, their loss, the best taggings and their probabilities."""

from types import ModuleType
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Bool, Float, Int

from seqtag.batch import Tagged
from seqtag.nn import crf, crf_parallel, lattice
from seqtag.schemes import OUTSIDE, Scheme, allowed_transitions, split_tag


class Scores(NamedTuple):
    """What makes a distribution over taggings."""

    potentials: crf.Potentials
    emissions: Float[Array, "batch time tags"]


class TagHead(nnx.Module):
    """A tag per token, by a CRF or each on its own; both decode only what the tag scheme allows."""

    def __init__(
        self, kind: Literal["crf", "softmax"], in_features: int, tags: tuple[str, ...], scheme: Scheme, rngs: nnx.Rngs
    ) -> None:
        self.kind = kind
        self.tags = tags
        self.scheme: Scheme = scheme
        self.linear = nnx.Linear(in_features, len(tags), rngs=rngs)
        if kind == "crf":
            self.start = nnx.Param(jnp.zeros(len(tags)))
            self.transitions = nnx.Param(jnp.zeros((len(tags), len(tags))))
            self.end = nnx.Param(jnp.zeros(len(tags)))

    def emissions(self, hidden: Float[Array, "batch time hidden"]) -> Float[Array, "batch time tags"]:
        """Scores of each tag at each token, in nats; for softmax they are log probabilities."""
        scores = self.linear(hidden)
        return scores if self.kind == "crf" else jax.nn.log_softmax(scores)

    def potentials(self) -> crf.Potentials:
        """Learned transitions (CRF) or none (softmax), `-inf` where the scheme forbids."""
        allowed = allowed_transitions(self.tags, self.scheme)
        learned = (self.start[...], self.transitions[...], self.end[...]) if self.kind == "crf" else (0.0, 0.0, 0.0)
        return crf.Potentials(*(jnp.where(may, own, -jnp.inf) for may, own in zip(allowed, learned, strict=True)))

    def loss(
        self,
        emissions: Float[Array, "batch time tags"],
        tags: Int[Array, "batch time"],
        mask: Bool[Array, "batch time"],
        starts: Bool[Array, "batch time"],
    ) -> Float[Array, " batch"]:
        """Negative log likelihood of each row's gold tags, in nats."""
        if self.kind == "crf":
            partition = _chain(emissions).log_partition
            return -crf.log_likelihood(self.potentials(), emissions, tags, mask, starts, partition)
        gold = jnp.take_along_axis(emissions, tags[:, :, None], axis=2)[:, :, 0]
        return -jnp.where(mask, gold, 0.0).sum(1)

    def loss_against(
        self,
        taught: Scores,
        emissions: Float[Array, "batch time tags"],
        mask: Bool[Array, "batch time"],
        starts: Bool[Array, "batch time"],
    ) -> Float[Array, " batch"]:
        """Cross entropy of each row with a teacher's distribution, in nats.

        Of a CRF, over whole taggings (Wang et al. 2021, structural knowledge distillation, section 3); else tag by tag.
        """
        if self.kind == "crf":
            partition, potentials = _chain(emissions).log_partition, self.potentials()
            expected = crf.expected_score(*taught, potentials, emissions, mask, starts, partition)
            return partition(potentials, emissions, mask, starts) - expected
        marginals = lattice.posterior(*taught, mask, starts).marginals
        return -jnp.where(mask, (marginals * emissions).sum(-1), 0.0).sum(1)

    def tag(
        self,
        potentials: crf.Potentials,
        emissions: Float[Array, "batch time tags"],
        mask: Bool[Array, "batch time"],
        starts: Bool[Array, "batch time"],
    ) -> Tagged:
        """The best well-formed tagging with its probabilities, [batch, time]; with softmax, under the tag scheme."""
        posterior = lattice.posterior(potentials, emissions, mask, starts)
        path = _chain(emissions).viterbi(potentials, emissions, mask, starts)[0]
        return self._weighed(potentials, posterior, path, mask, starts)

    def n_best(
        self,
        potentials: crf.Potentials,
        emissions: Float[Array, "batch time tags"],
        mask: Bool[Array, "batch time"],
        count: int,
    ) -> tuple[Tagged, Float[Array, "batch count"]]:
        """The `count` most probable taggings of rows of one sentence, [batch, count, time].

        And their log probabilities, in nats: `-inf` where a sentence has fewer well-formed taggings.
        """
        starts = mask & (jnp.arange(mask.shape[1]) == 0)
        posterior = lattice.posterior(potentials, emissions, mask, starts)
        paths, scores = lattice.n_best(potentials, emissions, mask, count)
        tagged = jax.vmap(lambda path: self._weighed(potentials, posterior, path, mask, starts), in_axes=1, out_axes=1)(
            paths
        )
        # The product of its links, rather than its score less the log partition: two large numbers, nearly equal.
        log_probabilities = jnp.log(tagged.marginals[:, :, 0]) + tagged.links.sum(-1)
        return tagged, jnp.where(scores > -jnp.inf, log_probabilities, -jnp.inf)

    def _weighed(
        self,
        potentials: crf.Potentials,
        posterior: lattice.Posterior,
        path: Int[Array, "batch time"],
        mask: Bool[Array, "batch time"],
        starts: Bool[Array, "batch time"],
    ) -> Tagged:
        shown, continuing = _shown_alike(self.tags), _continuing(self.tags, self.scheme)

        def of_path(values: Array) -> Array:
            return jnp.take_along_axis(values, path[:, :, None], axis=2)[:, :, 0]

        return Tagged(
            tags=path,
            scores=jnp.minimum(of_path(crf.float32_product(posterior.marginals, jnp.asarray(shown))), 1.0),
            outside=posterior.marginals[:, :, self.tags.index(OUTSIDE)],
            marginals=of_path(posterior.marginals),
            links=lattice.link_log_probabilities(potentials, posterior, path, mask, starts),
            closes=lattice.close_log_probabilities(potentials, posterior, path, continuing, mask, starts),
        )


def _chain(emissions: Float[Array, "batch time tags"]) -> ModuleType:
    """Which computes log partition and best tagging."""
    return crf_parallel if crf_parallel.is_preferred(*emissions.shape) else crf


def _shown_alike(tags: tuple[str, ...]) -> Float[np.ndarray, "tags tags"]:
    """1 where two tags are the same in IOB2."""
    forms = [(label, prefix in "BS") for prefix, label in map(split_tag, tags)]
    return np.array([[own == other for other in forms] for own in forms], np.float32)


def _continuing(tags: tuple[str, ...], scheme: Scheme) -> Int[Array, " tags"]:
    """For each tag the one that would continue its span unannounced; -1 where none would."""
    if scheme == "BIOES":  # whether a span goes on is said by B and I themselves
        return jnp.full(len(tags), -1)
    inside = {label: position for position, (prefix, label) in enumerate(map(split_tag, tags)) if prefix == "I"}
    return jnp.array([inside.get(label, -1) for _, label in map(split_tag, tags)])
