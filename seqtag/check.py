"""`python -m seqtag.check`: what is in a data set and what is wrong with it."""

from seqtag.command_line import make_parser, parse_config
from seqtag.running import run

_DESCRIPTION = "Say what is in a data set and what is wrong with it. Exit code 2 only for what would stop training."


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    parser = make_parser("seqtag check", _DESCRIPTION)
    config, _, _ = parse_config(parser, argv)

    # Here and not above: it takes a second, and what is wrong with the flags is said at once.
    from seqtag.data.checks import check_corpus, check_gold, check_learnable, format_check
    from seqtag.data.reading import read_corpus
    from seqtag.data.split import Split

    corpus = read_corpus(config.data)
    report = check_corpus(corpus)
    train = report.figures["train"]
    check_learnable(train.spans, train.sentence_labels, config, report.findings["train"].source)
    for role, dataset in corpus.splits.items():
        if role != "train":
            check_gold(Split(dataset), str(role), config.task, report.findings[str(role)].source)
    print(format_check(report))
    return 0


if __name__ == "__main__":
    run(main)
