"""`python -m seqtag.train`: train a tagger and leave a run folder with the model and its report."""

import re
import sys
from pathlib import Path

from seqtag.command_line import load_config, make_parser, parse_config
from seqtag.errors import InputError
from seqtag.running import run

_DESCRIPTION = (
    "Train a tagger and leave a run folder with the model and its report. Without settings: the sample corpus."
)


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    parser = make_parser("seqtag train", _DESCRIPTION)
    parser.add_argument("--output", metavar="DIR", help="run folder (default: runs/NAME-DATE-TIME)")
    parser.add_argument(
        "--seeds", type=str, metavar="N,N", help="a run for each of these seeds, in DIR/seed-N, and their mean"
    )
    parser.add_argument("--resume", action="store_true", help="go on with the run in --output")
    config, flags, given = parse_config(parser, argv)
    seeds = _seeds(flags.seeds, sys.argv[1:] if argv is None else argv)

    # Here and not above: they take seconds, and what is wrong with the flags is said at once.
    from seqtag.process import prepare
    from seqtag.training.run_directory import RunDirectory, default_output

    folder = RunDirectory(Path(flags.output) if flags.output else default_output(flags.config))
    if flags.resume:
        if not flags.output:
            raise InputError("--resume: name the run folder with --output")
        folder.check_holds_run()
        if seeds:
            folder.check_seeds(seeds)
        elif (seeds := folder.seeds()) and "training.seed" in given and flags.config is None:
            raise InputError(f"--resume: {folder.path} holds runs of several seeds; name them, and more, with --seeds")
        own = load_config(folder.config)
        if flags.config is None:
            config = parse_config(parser, argv, base=own)[0]
        if seeds:
            config = config.with_seed(own.training.seed)
        folder.check_same(own, config)
    else:
        folder.check_free()
        folder.clear_seeds()

    prepare(config.training.deterministic)

    from seqtag.data.reading import read_corpus
    from seqtag.evaluation.reports import describe_coverage, describe_findings, format_report
    from seqtag.training.experiment import build_experiment
    from seqtag.training.run import train
    from seqtag.training.seeds import train_seeds

    print(f"run folder: {folder.path}", flush=True)
    corpus = read_corpus(config.data)
    print(describe_findings(corpus), flush=True)
    if seeds:
        print(train_seeds(config, corpus, folder, seeds, flags.resume))
        print(f"models: {folder.path}/seed-N/model")
        return 0
    # Nothing is written before the data have been found fit.
    experiment = build_experiment(config, corpus)
    if experiment.coverage:
        print(describe_coverage(experiment.coverage), flush=True)
    report, example = train(experiment, corpus, folder, flags.resume)
    print(format_report(report))
    if example:
        print(example)
    print(f"model: {folder.model}")
    return 0


def _seeds(text: str | None, argv: list[str]) -> list[int]:
    """Those of `--seeds 1,2,3`; none where it is not given. Raises InputError."""
    if text is None:
        return []
    if any(argument.partition("=")[0] in ("--seed", "--training.seed") for argument in argv):
        raise InputError("--seed and --seeds: give one of them")
    if not re.fullmatch(r"\d+(,\d+)*", text):
        raise InputError(f"--seeds must be whole numbers with commas between them, such as 1,2,3, not {text!r}")
    seeds = [int(seed) for seed in text.split(",")]
    if len(set(seeds)) < len(seeds):
        raise InputError(f"--seeds {text}: names a seed twice")
    return seeds


if __name__ == "__main__":
    run(main)
