"""Lazy embeddings: a step reads, differentiates and writes only the table rows that its batch looks up.

The optimizer sees the rows of the batch as if they were the whole table. A row that a batch does not look up therefore
keeps its weights and its moments, where Adam to the letter would go on moving it by what it remembers, and weight decay
would shrink it. Rare words thus learn more slowly, and a step need not touch the whole vocabulary.
"""

from collections.abc import Callable, Sequence
from functools import reduce
from operator import add
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int, Int32

from seqtag.batch import Tokens

_FIELDS = {"words": "word_ids", "vectors": "vector_ids", "shapes": "shape_ids", "affixes": "affix_ids"}
"""Tables of the embeddings that are looked up by token, and where `Tokens` holds the rows."""


def rows_by_token(tokens: Tokens, params: Any) -> tuple[Tokens, Any]:
    """Tokens with ids that count their own look-ups, and parameters with a row for each of these as tables.

    Their gradient is that of each look-up by itself, which `Lookups.added` adds up by row.
    """
    lazy = {table: field for table, (field, _) in _lazy_tables(tokens, params).items()}

    def rows(path: Any, table: Array) -> Array:
        field = lazy.get(_table_name(path))
        return table if field is None else table[getattr(tokens, field).ravel()]

    def positions(ids: Int[Array, "distinct *columns"]) -> Int[Array, "distinct *columns"]:
        return jnp.arange(ids.size, dtype=ids.dtype).reshape(ids.shape)

    counted = {field: positions(getattr(tokens, field)) for field in lazy.values()}
    return tokens._replace(**counted), jax.tree_util.tree_map_with_path(rows, params)


class _Lookup(NamedTuple):
    rows: Int32[Any, " looked_up"]
    """The rows looked up, each once, in rising order; the table's own number of rows fills up."""
    positions: Int32[Any, " ids"]
    """For each id of all parts' tokens, its place in `rows`."""


class Lookups(NamedTuple):
    """What the parts of a batch look up in the tables that are lazy: those with more rows than each part has ids."""

    tables: dict[str, _Lookup]

    @classmethod
    def of(cls, parts: Sequence[Tokens], params: Any) -> "Lookups":
        """Of tokens on the host; `params` are the network's, tables whole."""
        found: dict[str, _Lookup] = {}
        for table, (field, size) in _lazy_tables(parts[0], params).items():
            ids = np.concatenate([getattr(part, field).ravel() for part in parts])
            distinct, positions = np.unique(ids, return_inverse=True)
            rows = np.full(min(ids.size, size), size, np.int32)
            rows[: len(distinct)] = distinct
            found[table] = _Lookup(rows, positions.astype(np.int32))
        return cls(found)

    def gather(self, tree: Any) -> Any:
        """A tree with the rows looked up in place of the tables: parameters, or what an optimizer keeps of them."""

        def rows(lookup: _Lookup, table: Array) -> Array:
            return table.at[lookup.rows].get(mode="fill", fill_value=0, indices_are_sorted=True)

        return self._map(rows, tree)

    def added(self, gradients: Sequence[Any]) -> Any:
        """The sum of all parts' gradients, those of look-ups as `rows_by_token` has them made those of rows."""

        def by_row(lookup: _Lookup, *parts: Array) -> Array:
            zeros = jnp.zeros((len(lookup.rows), *parts[0].shape[1:]), parts[0].dtype)
            return zeros.at[lookup.positions].add(jnp.concatenate(parts))

        return self._map(by_row, *gradients, otherwise=lambda *own: reduce(add, own))

    def scatter(self, tree: Any, rows: Any) -> Any:
        """`rows`, a tree as `gather` gives it, with its rows put back into the tables of `tree`."""

        def put(lookup: _Lookup, table: Array, own: Array) -> Array:
            # Only the rows that fill up are there twice, and those are dropped.
            return table.at[lookup.rows].set(own, mode="drop", indices_are_sorted=True)

        return self._map(put, tree, rows, otherwise=lambda _, own: own)

    def _map(self, function: Callable[..., Any], *trees: Any, otherwise: Callable[..., Any] = lambda own: own) -> Any:
        def apply(path: Any, *leaves: Any) -> Any:
            lookup = self.tables.get(_table_name(path))
            return otherwise(*leaves) if lookup is None else function(lookup, *leaves)

        return jax.tree_util.tree_map_with_path(apply, *trees)


def _lazy_tables(tokens: Tokens, params: Any) -> dict[str, tuple[str, int]]:
    """Of the tables that have more rows than the tokens have ids for them, where these are, and how many rows."""
    leaves = jax.tree_util.tree_leaves_with_path(params)
    sizes = {name: len(leaf) for path, leaf in leaves if (name := _table_name(path))}
    fields = ((table, field, sizes.get(table, 0)) for table, field in _FIELDS.items())
    return {table: (field, size) for table, field, size in fields if getattr(tokens, field).size < size}


def _table_name(path: Any) -> str:
    """The table that a leaf is, or an optimizer's moments of it; empty for other leaves."""
    keys: list[Any] = [getattr(key, "key", getattr(key, "name", None)) for key in path]
    if "embeddings" not in keys or "table" not in keys:
        return ""
    return ".".join(map(str, keys[keys.index("embeddings") + 1 : keys.index("table")]))
