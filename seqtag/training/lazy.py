"""Lazy embeddings: a step reads, differentiates and writes only the table rows that its batch looks up.

The optimizer sees the rows of the batch as if they were the whole table. A row that a batch does not look up therefore
keeps its weights and its moments, where Adam to the letter would go on moving it by what it remembers, and weight decay
would shrink it. Rare words thus learn more slowly, and a step need not touch the whole vocabulary.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int

from seqtag.batch import Tokens

_FIELDS = {"words": "word_ids", "vectors": "vector_ids", "shapes": "shape_ids", "affixes": "affix_ids"}
"""Tables of the embeddings that are looked up by token, and where `Tokens` holds the rows."""


class _Lookup(NamedTuple):
    rows: Int[Array, " looked_up"]
    """The rows looked up, each once; the table's own number of rows fills up."""
    positions: Int[Array, "distinct *columns"]
    """For each id of each distinct token, its place in `rows`."""


class Lookups:
    """What a batch looks up in the tables that have more rows than it has ids for them."""

    def __init__(self, tokens: Tokens, params: Any) -> None:
        """`params` are the network's, tables whole."""
        sizes = _table_sizes(params)
        self._tokens = tokens
        self._found = {
            table: _Lookup(*jnp.unique(ids, size=ids.size, fill_value=sizes[table], return_inverse=True))
            for table, field in _FIELDS.items()
            if (ids := getattr(tokens, field)).size < sizes.get(table, 0)
        }

    def tokens(self) -> Tokens:
        """The tokens with ids that count the rows looked up."""
        return self._tokens._replace(**{_FIELDS[table]: found.positions for table, found in self._found.items()})

    def gather(self, tree: Any) -> Any:
        """A tree with the rows looked up in place of the tables: parameters, or what an optimizer keeps of them."""

        def rows(lookup: _Lookup, table: Array) -> Array:
            return table.at[lookup.rows].get(mode="fill", fill_value=0, indices_are_sorted=True)

        return self._map(rows, tree)

    def scatter(self, tree: Any, rows: Any) -> Any:
        """`rows`, a tree as `gather` gives it, with its rows put back into the tables of `tree`."""

        def put(lookup: _Lookup, table: Array, own: Array) -> Array:
            # Only the rows that fill up are there twice, and those are dropped.
            return table.at[lookup.rows].set(own, mode="drop", indices_are_sorted=True)

        return self._map(put, tree, rows, otherwise=lambda _, own: own)

    def _map(self, function: Callable[..., Any], *trees: Any, otherwise: Callable[..., Any] = lambda own: own) -> Any:
        def apply(path: Any, *leaves: Any) -> Any:
            lookup = self._found.get(_table_name(path))
            return otherwise(*leaves) if lookup is None else function(lookup, *leaves)

        return jax.tree_util.tree_map_with_path(apply, *trees)


def _table_sizes(params: Any) -> dict[str, int]:
    leaves = jax.tree_util.tree_leaves_with_path(params)
    return {name: len(leaf) for path, leaf in leaves if (name := _table_name(path))}


def _table_name(path: Any) -> str:
    """The table that a leaf is, or an optimizer's moments of it; empty for other leaves."""
    keys: list[Any] = [getattr(key, "key", getattr(key, "name", None)) for key in path]
    if "embeddings" not in keys or "table" not in keys:
        return ""
    return ".".join(map(str, keys[keys.index("embeddings") + 1 : keys.index("table")]))
