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

TableName = tuple[str | int, ...]
"""Where a table lies among the embeddings: ("words",), ("affixes", 2)."""


class _Lookup(NamedTuple):
    rows: Int[Array, " distinct"]
    """The rows looked up, each once; the table's own number of rows fills up."""
    positions: Int[Array, " distinct"]
    """For each distinct token, its place in `rows`."""


class Lookups:
    """What a batch looks up in the tables that have more rows than it has distinct tokens."""

    def __init__(self, tokens: Tokens, params: Any) -> None:
        """`params` are the network's, tables whole."""
        sizes = _table_sizes(params)
        self._tokens, self._ids = tokens, _ids_by_table(tokens)
        self._found = {
            name: _Lookup(*jnp.unique(ids, size=len(ids), fill_value=sizes[name], return_inverse=True))
            for name, ids in self._ids.items()
            if sizes.get(name, 0) > len(ids)
        }

    def tokens(self) -> Tokens:
        """The tokens with ids that count the rows looked up."""
        ids = {name: self._found[name].positions if name in self._found else own for name, own in self._ids.items()}
        columns = [ids["affixes", index] for index in range(self._tokens.affix_ids.shape[1])]
        return self._tokens._replace(
            word_ids=ids["words",],
            vector_ids=ids["vectors",],
            shape_ids=ids["shapes",],
            affix_ids=jnp.stack(columns, axis=1) if columns else self._tokens.affix_ids,
        )

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


def _ids_by_table(tokens: Tokens) -> dict[TableName, Int[Array, " distinct"]]:
    columns = {("affixes", index): tokens.affix_ids[:, index] for index in range(tokens.affix_ids.shape[1])}
    return {("words",): tokens.word_ids, ("vectors",): tokens.vector_ids, ("shapes",): tokens.shape_ids, **columns}


def _table_sizes(params: Any) -> dict[TableName, int]:
    leaves = jax.tree_util.tree_leaves_with_path(params)
    return {name: len(leaf) for path, leaf in leaves if (name := _table_name(path))}


def _table_name(path: Any) -> TableName:
    """The table that a leaf is, or an optimizer's moments of it; empty for other leaves."""
    keys: list[Any] = [getattr(key, "key", getattr(key, "name", getattr(key, "idx", None))) for key in path]
    if "embeddings" not in keys or "table" not in keys:
        return ()
    return tuple(keys[keys.index("embeddings") + 1 : keys.index("table")])
