"""Small, fast sequence taggers: named entities, slots, sentiment."""

__version__ = "0.1.0"
