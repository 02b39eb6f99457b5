"""`python -m seqtag.search`: try settings, each in a run of its own, and say which did best."""

import sys
from collections.abc import Container
from pathlib import Path

from seqtag.command_line import load_config, make_parser, parse_config
from seqtag.errors import InputError
from seqtag.running import run

_DESCRIPTION = (
    "Search for settings: trials one after another, each a run folder, chosen (TPE) and cut short (median pruning) by "
    "Optuna on the validation score. The test part is not read. Settings given are those that all trials share."
)
_TRIALS = 20


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    parser = make_parser("seqtag search", _DESCRIPTION)
    parser.add_argument("--space", type=str, metavar="FILE", help="YAML file: setting to range or choices")
    parser.add_argument("--output", metavar="DIR", help="folder of the search (default: runs/search-NAME-DATE-TIME)")
    parser.add_argument(
        "--trials", type=int, metavar="N", help=f"how many in all; --resume may raise it (default: {_TRIALS})"
    )
    parser.add_argument("--resume", action="store_true", help="go on with the search in --output")
    config, flags, _ = parse_config(parser, argv)
    if flags.trials is not None and flags.trials < 1:
        raise InputError(f"--trials must be at least 1, not {flags.trials}")

    # Here and not above: they take seconds, and what is wrong with the flags is said at once.
    from seqtag.process import prepare
    from seqtag.training.run_directory import default_output
    from seqtag.training.search_directory import SearchDirectory
    from seqtag.training.search_space import Space, read_space

    default = default_output(flags.config)
    folder = SearchDirectory(Path(flags.output) if flags.output else default.with_name(f"search-{default.name}"))
    space: Space
    if flags.resume:
        if not flags.output:
            raise InputError("--resume: name the folder of the search with --output")
        folder.check_holds_search()
        own = load_config(folder.base)
        if flags.config is None:
            config = parse_config(parser, argv, base=own)[0]
        space = read_space(folder.space, own)
        _refuse_both(space, sys.argv[1:] if argv is None else argv)
        folder.check_same(own, config)
        if flags.space:
            folder.check_same_space(space, read_space(Path(flags.space), config))
    else:
        if not flags.space:
            raise InputError("--space: name a YAML file of the settings to search, such as configs/search/sample.yaml")
        folder.check_free()
        if config.data.validation is None:
            raise InputError(
                "data.validation is null, and a search chooses by its score; name a part, or a share of the training "
                "part such as 0.1"
            )
        space = read_space(Path(flags.space), config)
        _refuse_both(space, sys.argv[1:] if argv is None else argv)

    prepare(config.training.deterministic)

    from seqtag.data.reading import read_corpus
    from seqtag.evaluation.reports import describe_findings

    try:
        from seqtag.training.searching import Search, check_fit, without_test
    except ModuleNotFoundError as error:
        if error.name != "optuna":
            raise
        raise InputError("seqtag search needs Optuna: pip install optuna") from error

    print(f"search folder: {folder.path}", flush=True)
    corpus = read_corpus(without_test(config).data)
    print(describe_findings(corpus), flush=True)
    if not flags.resume:
        # Nothing is written before data and settings have been found fit.
        check_fit(config, space, corpus)
        folder.begin(config, space)
    with folder.held():
        search = Search(config, space, corpus, folder)
        text = search.run(search.asked(flags.trials, _TRIALS))
    print(f"\n{text}", end="")
    if folder.best.exists():
        print(f"next: python -m seqtag.train --config {folder.best} --seeds 1,2,3")
    return 0


def _refuse_both(space: Container[str], argv: list[str]) -> None:
    """Raise InputError for a flag whose setting is searched."""
    for argument in argv:
        name = argument.partition("=")[0].removeprefix("--")
        if name in space:
            raise InputError(f"--{name}: the search varies it; leave out the flag, or the setting in the space")


if __name__ == "__main__":
    run(main)
