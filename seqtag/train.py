"""`python -m seqtag.train`: train a tagger and leave a run folder with the model and its report."""

from pathlib import Path

from seqtag.command_line import load_config, make_parser, parse_config, run
from seqtag.errors import InputError

_DESCRIPTION = (
    "Train a tagger and leave a run folder with the model and its report. Without settings: the sample corpus."
)


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    parser = make_parser("seqtag train", _DESCRIPTION)
    parser.add_argument("--output", metavar="DIR", help="run folder (default: runs/NAME-DATE-TIME)")
    parser.add_argument("--resume", action="store_true", help="go on with the run in --output")
    config, flags, _ = parse_config(parser, argv)

    # Here and not above: they take seconds, and what is wrong with the flags is said at once.
    from seqtag.process import keep_compiled_programs, repeatable_sums, tune_allocator
    from seqtag.training.run_directory import RunDirectory, default_output

    folder = RunDirectory(Path(flags.output) if flags.output else default_output(flags.config))
    if flags.resume:
        if not flags.output:
            raise InputError("--resume: name the run folder with --output")
        folder.check_holds_run()
        own = load_config(folder.config)
        if flags.config is None:
            config = parse_config(parser, argv, base=own)[0]
        folder.check_same(own, config)
    else:
        folder.check_free()

    if config.training.deterministic:
        repeatable_sums()
    tune_allocator()
    keep_compiled_programs()

    from seqtag.data.reading import read_corpus
    from seqtag.evaluation.reports import describe_findings, format_report
    from seqtag.training.run import train

    print(f"run folder: {folder.path}", flush=True)
    corpus = read_corpus(config.data)
    print(describe_findings(corpus), flush=True)
    report, example = train(config, corpus, folder, flags.resume)
    print(format_report(report))
    if example:
        print(example)
    print(f"model: {folder.model}")
    return 0


if __name__ == "__main__":
    run(main)
