"""`python -m seqtag.tag`: the entities of a file of texts, or of what comes on standard input."""

from contextlib import closing
from pathlib import Path
from typing import Any

from seqtag.command_line import make_parser, parse_flags
from seqtag.config import PRECISIONS
from seqtag.errors import InputError
from seqtag.running import run
from seqtag.streams.reading import FORMATS, open_reader
from seqtag.streams.record import Record

_DESCRIPTION = (
    "Tag texts: a text a line (or the whole input with --whole), JSON lines, CoNLL columns or Parquet. JSON lines come "
    "out unless --output-format, or the extension of --output, says otherwise."
)
_OUTPUT_FORMATS = ("jsonl", "conll", "parquet", "html", "terminal")
_ENDINGS = {"conll": FORMATS["conll"], "html": (".html", ".htm"), "parquet": FORMATS["parquet"]}
"""Of output files whose format goes without saying; any other is jsonl."""
_LASTING = (
    *("model", "revision", "input", "format", "whole", "text_column", "token_column"),
    *("tokens", "min_score", "n_best", "no_split", "window", "overlap", "precision"),
)
"""Flags that must not change between two sittings."""


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    parser = make_parser("seqtag tag", _DESCRIPTION, sections=())
    parser.add_argument("--model", type=str, metavar="DIR|ID", help="model folder, run folder or Hub id")
    parser.add_argument("--revision", type=str, metavar="NAME", help="branch, tag or commit of a Hub id")
    parser.add_argument("--input", type=str, metavar="FILE|-", default="-", help="default: standard input")
    parser.add_argument("--format", choices=tuple(FORMATS), help="of the input (default: by its extension, else text)")
    parser.add_argument("--whole", action="store_true", help="the whole input is one text, not a text a line")
    parser.add_argument(
        "--text-column", type=str, metavar="NAME", help="field of the text (jsonl, parquet; default: text)"
    )
    parser.add_argument(
        "--token-column",
        type=str,
        metavar="NAME",
        help="field of the tokens (default: tokens); a number from 0 for conll",
    )
    parser.add_argument("--output", type=str, metavar="FILE|-", default="-", help="default: standard output")
    parser.add_argument("--output-format", choices=_OUTPUT_FORMATS, help="of the output; terminal: in colour")
    parser.add_argument("--tokens", action="store_true", help="tokens with tags and scores too (jsonl, parquet)")
    parser.add_argument("--min-score", type=float, default=0.0, help="leave out less probable entities")
    parser.add_argument("--n-best", type=int, default=0, help="so many of the most probable taggings too")
    parser.add_argument("--no-split", action="store_true", help="take each text for one sentence")
    parser.add_argument("--window", type=int, help="tag longer sentences by windows of so many tokens")
    parser.add_argument("--overlap", type=int, default=64, help="tokens that neighbouring windows share")
    parser.add_argument(
        "--on-error", choices=("fail", "skip"), default="fail", help="what to do about a record that cannot be read"
    )
    parser.add_argument("--precision", choices=PRECISIONS, default="float32", help="of the encoder's products")
    parser.add_argument("--resume", action="store_true", help="go on with an --output that is not complete")
    flags = parse_flags(parser, argv)
    if flags.model is None:
        raise InputError("--model: name a model folder, a run folder or a Hub id")

    # Here and not above: they take a while, and what is wrong with the flags is said at once.
    from seqtag.streams.progress import Bar, Done, ProgressFile
    from seqtag.tagging.options import make_options

    options: dict[str, Any] = {
        "min_score": flags.min_score,
        "n_best": flags.n_best,
        "split_sentences": False if flags.no_split else None,
        "window": flags.window,
        "overlap": flags.overlap,
    }
    make_options(**options)
    with closing(open_reader(flags.input, flags.format, flags.whole, flags.text_column, flags.token_column)) as reader:
        output, kind = _output(flags)
        settings = {name: flags.get(name) for name in _LASTING} | {"output_format": kind}
        progress = None if output is None else ProgressFile(output, settings)
        done = Done() if progress is None else progress.begin(flags.resume)

        from seqtag.process import leave_loaded_objects_alone, prepare
        from seqtag.streams.tagging import Stream
        from seqtag.tagging.tagger import Tagger

        prepare()
        with Bar(reader.size, done) as bar:
            tagger = Tagger.load(flags.model, flags.revision, flags.precision)
            leave_loaded_objects_alone()
            try:
                if progress:
                    progress.save(done)
                writer = _open_writer(output, kind, flags.tokens, done.mark, reader)
            except OSError as error:
                raise InputError(f"--output {output}: cannot be written: {error.strerror}") from error
            stream = Stream(tagger, reader, writer, done, progress, flags.on_error == "skip")
            stream.run(options, bar)
    if kind == "parquet":
        if not stream.done.documents:
            _lay_out(writer, reader, tagger, options)
        writer.join()
    if progress:
        progress.end()
    if kind == "parquet":  # only now: what is cut short before goes on from them
        writer.remove_parts()
    bar.sum(stream.done)
    return 0


def _output(flags: Any) -> tuple[Path | None, str]:
    """The output file, None for standard output, and its format."""
    output = None if flags.output == "-" else Path(flags.output)
    ending = "" if output is None else output.suffix.lower()
    kind = flags.output_format or next((kind for kind, endings in _ENDINGS.items() if ending in endings), "jsonl")
    if kind not in ("jsonl", "parquet") and (flags.tokens or flags.n_best):
        raise InputError(
            f"{'--tokens' if flags.tokens else '--n-best'}: {kind} cannot hold them; jsonl and parquet can"
        )
    if output is None:
        if kind == "parquet":
            raise InputError("--output-format parquet: cannot go to standard output; name a file with --output")
        if flags.resume:
            raise InputError("--resume: standard output cannot be resumed; name a file with --output")
        return None, kind
    if kind == "terminal":
        raise InputError("--output-format terminal: is for standard output; leave --output out")
    if not output.parent.is_dir():
        raise InputError(f"--output {output}: there is no folder {output.parent}")
    if output.is_dir():
        raise InputError(f"--output {output}: is a folder; name a file in it")
    if output.exists() and not output.is_file():
        raise InputError(f"--output {output}: is no ordinary file; leave --output out and redirect: > {output}")
    if flags.input != "-" and output.exists() and output.samefile(flags.input):
        raise InputError(f"--output {output}: is the input")
    return output, kind


def _open_writer(output: Path | None, kind: str, with_tokens: bool, mark: dict[str, Any], reader: Any) -> Any:
    from seqtag.streams.writing import ConllWriter, HtmlWriter, JsonlWriter, Sink, TerminalWriter

    if kind == "terminal":
        return TerminalWriter()
    if kind == "parquet":
        from seqtag.streams.parquet_writer import ParquetWriter

        assert output is not None
        return ParquetWriter(output, mark.get("parts", 0), with_tokens, reader.schema)
    sink = Sink(output, mark.get("bytes", 0))
    if kind == "html":
        return HtmlWriter(sink, is_new=not mark)
    return ConllWriter(sink, mark.get("opened")) if kind == "conll" else JsonlWriter(sink, with_tokens)


def _lay_out(writer: Any, reader: Any, tagger: Any, options: dict[str, Any]) -> None:
    """Give a file without rows the columns that one with rows would have."""
    blank = reader.blank()
    if isinstance(blank, Record):
        (document,) = tagger.tag([blank.given], **options)
        writer.lay_out(blank, document)


if __name__ == "__main__":
    run(main)
