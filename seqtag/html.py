"""Tagged texts as HTML: each entity in the colour of its label, followed by the label.

Everything that comes from a text or a label is escaped. HTML can hold neither NUL nor half a surrogate pair: both are
shown as U+FFFD; nothing else is changed, white space included. There are no scripts and nothing is loaded.
"""

import colorsys
import zlib
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol

STYLE = """\
.seqtag{color-scheme:light dark;margin:1em 0;padding:0 .35em;line-height:1.9}
[data-jp-theme-light=true] .seqtag,.vscode-light .seqtag{color-scheme:light}
[data-jp-theme-light=false] .seqtag,.vscode-dark .seqtag,html[theme=dark] .seqtag{color-scheme:dark}
.seqtag-text{white-space:pre-wrap;overflow-wrap:anywhere;unicode-bidi:plaintext;text-align:start}
.seqtag-label{margin:0 0 .3em;overflow-wrap:anywhere;text-align:start}
.seqtag mark{margin:0 1px;padding:.15em .35em;border-radius:.35em;\
-webkit-box-decoration-break:clone;box-decoration-break:clone;\
background:light-dark(var(--light),var(--dark));color:inherit;color:light-dark(#111,#fff)}
.seqtag mark b{font-size:.72em;letter-spacing:.03em;color:light-dark(var(--light-ink),var(--dark-ink))}
.seqtag-weight{border-radius:.2em;\
background:linear-gradient(light-dark(#f59e0b66,#f59e0b99)) bottom/100% calc(100%*var(--weight)) no-repeat}
.seqtag mark:focus-visible{outline:2px solid}
.seqtag mark:focus-visible bdi::after{content:" " attr(data-score)}
"""
# The policy is a second wall behind the escaping: a page may load and run nothing.
_PAGE_START = f"""\
<!doctype html>
<html>
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Tagged texts</title>
<style>
body{{max-width:50rem;margin:2rem auto;padding:0 1rem;font:1rem/1.5 system-ui,sans-serif}}
.seqtag+.seqtag{{border-top:1px solid #8886;padding-top:1em}}
{STYLE}</style>
</head>
<body>
"""
_PAGE_END = "</body>\n</html>\n"

_ESCAPES = str.maketrans(
    {
        **dict.fromkeys(map(chr, range(0xD800, 0xE000)), "\ufffd"),
        "\0": "\ufffd",
        "\r": "&#13;",  # parsers turn a bare one into a line feed
        "&": "&amp;",
        "<": "&lt;",
        ">": "&gt;",
        '"': "&quot;",
        "'": "&#39;",
    }
)

_HUES = {
    **dict.fromkeys(("PER", "PERSON", "PEOPLE", "NAME"), 345),
    **dict.fromkeys(("ORG", "ORGANIZATION", "ORGANISATION", "COMPANY", "CORPORATION", "GROUP"), 215),
    **dict.fromkeys(("LOC", "LOCATION", "GPE", "PLACE", "CITY", "COUNTRY"), 145),
    **dict.fromkeys(("FAC", "FACILITY"), 110),
    **dict.fromkeys(("MISC", "MISCELLANEOUS"), 270),
    **dict.fromkeys(("NORP", "LANGUAGE"), 245),
    **dict.fromkeys(("DATE", "TIME", "DURATION"), 185),
    **dict.fromkeys(("MONEY", "PRICE", "PERCENT", "QUANTITY", "CARDINAL", "ORDINAL", "NUMBER"), 48),
    **dict.fromkeys(("PRODUCT",), 25),
    **dict.fromkeys(("EVENT",), 5),
    **dict.fromkeys(("WORK_OF_ART", "CREATIVE-WORK", "LAW"), 310),
    **dict.fromkeys(("POS", "POSITIVE"), 130),
    **dict.fromkeys(("NEG", "NEGATIVE"), 355),
    **dict.fromkeys(("NEU", "NEUTRAL"), 220),
}  # degrees


class Marked(Protocol):
    """A labelled piece of a text, in characters: `start` inclusive, `end` exclusive."""

    @property
    def label(self) -> str: ...
    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...
    @property
    def score(self) -> float: ...


class TaggedText(Protocol):
    """What is shown: `seqtag.Document` is one. Entities are sorted and do not overlap."""

    @property
    def text(self) -> str: ...
    @property
    def entities(self) -> Sequence[Marked]: ...
    @property
    def label(self) -> str | None: ...
    @property
    def score(self) -> float | None: ...
    @property
    def offsets(self) -> Sequence[tuple[int, int]]: ...
    @property
    def attention(self) -> Sequence[float]: ...


class Colors(NamedTuple):
    """The colours of a label as `#rrggbb`: for light and for dark surroundings a background and an ink for the label.

    Every ink has a contrast of at least 4.5 to 1 (WCAG 2, level AA) with its background; so have `#111111` with `light`
    and white with `dark`.
    """

    light: str
    light_ink: str
    dark: str
    dark_ink: str


def colors_of(label: str) -> Colors:
    """The colours of a label: fixed for common ones in any case, for others given by their characters alone."""
    hue = _HUES.get(label.upper(), zlib.crc32(label.encode("utf-8", "surrogatepass")) % 360)
    return Colors(_hex(hue, 0.87, 0.8), _hex(hue, 0.24, 0.75), _hex(hue, 0.24, 0.45), _hex(hue, 0.82, 0.7))


def render(document: TaggedText) -> str:
    """A piece of HTML, one `<div>` that brings its own style; any number may stand on one page or in a notebook."""
    return f'<div class="seqtag"><style>\n{STYLE}</style>{_content(document)}</div>\n'


def render_page(documents: Iterable[TaggedText]) -> str:
    """A whole page that shows the documents one below the other."""
    return "".join(page_parts(documents))


def page_parts(documents: Iterable[TaggedText]) -> Iterator[str]:
    """The same page in parts, to be written one after another: its head, each document as it comes, its end."""
    yield _PAGE_START
    for document in documents:
        yield f'<div class="seqtag">{_content(document)}</div>\n'
    yield _PAGE_END


def _content(document: TaggedText) -> str:
    parts = []
    if document.label is not None:
        score = "" if document.score is None else f" <b>{document.score:.2f}</b>"
        label = escape(document.label)
        parts.append(
            f'<p class="seqtag-label" dir="auto"><mark style="{style_of(document.label)}">{label}{score}</mark></p>'
        )
    parts.append('<div class="seqtag-text" dir="auto">')
    words = _Words(document)
    position = 0
    for entity in document.entities:
        parts += words.until(position, entity.start), _mark(words.until(entity.start, entity.end), entity)
        position = entity.end
    parts += words.until(position, len(document.text)), "</div>"
    return "".join(parts)


class _Words:
    """The text piece by piece, each token filled as high as its weight where tokens have weights.

    The heaviest token is filled wholly: in a long text no weight is large. The weight itself shows on hover.
    """

    def __init__(self, document: TaggedText) -> None:
        self._text = document.text
        self._weighted = list(zip(document.offsets, document.attention, strict=False))
        self._highest = max(document.attention, default=0.0) or 1.0
        self._next = 0

    def until(self, start: int, end: int) -> str:
        """The text from `start` to `end`, escaped; to be asked for in order."""
        parts = []
        while self._next < len(self._weighted) and self._weighted[self._next][0][1] <= end:
            (first, last), weight = self._weighted[self._next]
            style = f"--weight:{weight / self._highest:.2f}"
            parts.append(escape(self._text[start:first]))
            parts.append(f'<span class="seqtag-weight" style="{style}" title="{weight:.3f}">')
            parts.append(f"{escape(self._text[first:last])}</span>")
            start, self._next = last, self._next + 1
        return "".join([*parts, escape(self._text[start:end])])


def _mark(text: str, entity: Marked) -> str:
    """One entity, its text escaped already. The score shows on hover and, since it can be focused, to the keyboard."""
    label, score = escape(entity.label), f"{entity.score:.2f}"
    # The no-break space keeps the label beside the last word, and apart from it in speech too; <bdi> keeps the label
    # out of the direction that is found out for the text.
    return (
        f'<mark tabindex="0" title="{label} {score}" style="{style_of(entity.label)}">{text}'
        f'<b>\N{NO-BREAK SPACE}<bdi data-score="{score}">{label}</bdi></b></mark>'
    )


def style_of(label: str) -> str:
    """The colours of a label as the variables that `STYLE` makes them of."""
    light, light_ink, dark, dark_ink = colors_of(label)
    return f"--light:{light};--light-ink:{light_ink};--dark:{dark};--dark-ink:{dark_ink}"


def escape(text: str) -> str:
    """For text and for quoted attributes."""
    return text.translate(_ESCAPES)


def _hex(hue: float, lightness: float, saturation: float) -> str:
    channels = colorsys.hls_to_rgb(hue / 360, lightness, saturation)
    return "#" + "".join(f"{round(255 * channel):02x}" for channel in channels)
