"""Small, fast sequence taggers: named entities, slots and intents, sentiment."""

from typing import TYPE_CHECKING, Any

from seqtag.document import Document, Entity, InDocument, Token

if TYPE_CHECKING:
    from seqtag.tagging.tagger import Tagger

__version__ = "0.1.0"
__all__ = ["Document", "Entity", "InDocument", "Tagger", "Token", "load"]


def load(name: str, revision: str | None = None, precision: str = "float32") -> "Tagger":
    """The tagger in a model folder or a run folder, or under a Hub id.

    Args:
        name: path of the folder, or the id of a model on the Hugging Face Hub.
        revision: branch, tag or commit; for Hub ids only.
        precision: type of the operands of the encoder's products, "float32" or "bfloat16", whose products are quicker
            on processors that have them (many GPUs; x86 with AVX512-BF16 or AMX) and a little less exact.

    Raises InputError, in one sentence that names the file, where there is no model or it is damaged or foreign, and for
    a precision that is neither. Nothing that comes with a model is run.
    """
    from seqtag.tagging.tagger import Tagger

    return Tagger.load(name, revision, precision)


def __getattr__(name: str) -> Any:
    # On first use: JAX takes longer to import than all else.
    if name == "Tagger":
        from seqtag.tagging.tagger import Tagger

        return Tagger
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
