"""Tagged texts for a terminal: each entity in the colour of its label, followed by the label."""

from rich.style import Style
from rich.text import Text

from seqtag.html import TaggedText, colors_of

# Raw, these could move the cursor, recolour or retitle the terminal; and a stream of UTF-8 cannot take surrogates.
_SHOWN = {
    **{code: chr(0x2400 + code) for code in range(0x20) if chr(code) not in "\n\t"},
    0x7F: "\u2421",
    **dict.fromkeys([*range(0x80, 0xA0), *range(0xD800, 0xE000)], "\ufffd"),
}


def to_rich(document: TaggedText) -> Text:
    """The text with its entities in colour, below its own label if it has one.

    Line breaks and tabs are kept (CR LF as LF). Other control characters are shown by their pictures (U+2400 and on),
    those without one, and lone surrogates, as U+FFFD.
    """
    shown = Text()
    if document.label is not None:
        score = "" if document.score is None else f" {document.score:.2f}"
        _append(shown, document.label, score, document.label)
        shown.append("\n")
    position = 0
    for entity in document.entities:
        shown.append(_visible(document.text[position : entity.start]))
        _append(shown, document.text[entity.start : entity.end], f" {entity.label}", entity.label)
        position = entity.end
    return shown.append(_visible(document.text[position:]))


def _append(shown: Text, text: str, mark: str, label: str) -> None:
    colors = colors_of(label)
    shown.append(_visible(text), Style(color="#111111", bgcolor=colors.light))
    shown.append(_visible(mark), Style(color=colors.light_ink, bgcolor=colors.light, bold=True))


def _visible(text: str) -> str:
    return text.replace("\r\n", "\n").translate(_SHOWN)
