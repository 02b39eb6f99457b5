"""The way of records through a tagger: read, tagged, written, in order, and no more of them held than needed."""

import sys
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from typing import Any

from seqtag.document import Document, InDocument
from seqtag.errors import InputError
from seqtag.stopping import StopSignals
from seqtag.streams.holding import Holding
from seqtag.streams.progress import Bar, Done, ProgressFile
from seqtag.streams.record import BadRecord, Record, RecordReader, Unwritable, Writer
from seqtag.tagging.portion import Limits, Portion
from seqtag.tagging.tagger import Tagger

_LIMITS = Limits(characters=1_000_000, inputs=50_000, document=10_000_000)
"""Of a stretch."""


class Stream:
    """One input on its way to one output, by stretches.

    Each stretch is tagged by itself, and only between two of them is it noted how far the work is. So the batches do
    not depend on where the work was interrupted, nor does the rounding of the scores.
    """

    def __init__(
        self,
        tagger: Tagger,
        reader: RecordReader,
        writer: Writer,
        done: Done,
        progress: ProgressFile | None,
        skip: bool,
    ) -> None:
        """`done` is what earlier sittings did; `skip` passes bad records over instead of stopping at the first."""
        self._tagger = tagger
        self._reader = reader
        self._writer = writer
        self._progress = progress
        self._skip = skip
        self.done = replace(done)
        self._waiting: deque[Record | BadRecord] = deque()
        self._held: Record | BadRecord | None = None
        """Read already, and of the next stretch."""
        self._at_end = False

    def run(self, options: dict[str, Any], bar: Bar) -> None:
        """Tag all that is left. Whatever ends it leaves a valid output, and FILE.progress to go on from.

        Args:
            options: arguments of `Tagger.tag`.
            bar: shows how far it is.

        Raises InputError for a bad record, unless such are skipped; all before it is in the output.
        """
        try:
            with Holding() as signals:
                records = self._left()
                while not self._at_end:
                    for document in self._tagger.tag(self._stretch(records), **options):
                        self._pass_bad_ones()
                        with signals.undivided():  # a record is written and counted, or neither
                            self._write(self._waiting.popleft(), document)
                        bar.update(self.done, self._reader.position())
                    self._pass_bad_ones()
                    if self._progress and (self._at_end or self._progress.due()):
                        with signals.undivided():
                            self.done.mark = self._writer.mark()
                            self._progress.save(self.done)
        finally:
            with StopSignals():
                self._writer.close()

    def _left(self) -> Iterator[Record | BadRecord]:
        """What earlier sittings have not dealt with."""
        records, checksum = iter(self._reader), 0
        for number in range(self.done.records):
            record = next(records, None)
            if record is None:
                raise InputError(
                    f"--resume: {self.done.records} records are done, but the input has {number}; give the same one"
                )
            checksum = record.checksum(checksum)
        if checksum != self.done.checksum:
            raise InputError(
                f"--resume: the first {self.done.records} records of the input are not those that are done; give the "
                "same one, or remove the output and its .progress and begin anew"
            )
        return records

    def _stretch(self, records: Iterator[Record | BadRecord]) -> Iterator[Any]:
        """What is given to the tagger at a time, a document whole; ends early at a bad record that is not skipped."""
        portion = Portion(_LIMITS)
        for record in records if self._held is None else chain([self._held], records):
            self._held = None
            document = None if isinstance(record, BadRecord) else record.document
            if portion.ends_before(document):
                self._held = record
                return
            self._waiting.append(record)
            if isinstance(record, BadRecord):
                if self._skip:
                    continue
                return
            yield record.given if document is None else InDocument(record.given, document)
            portion.add(record.given, document)
            if portion.has_ended():
                return
        self._at_end = True

    def _pass_bad_ones(self) -> None:
        """Deal with the bad records whose turn it is."""
        while self._waiting and isinstance(bad := self._waiting[0], BadRecord):
            self._waiting.popleft()
            self._refuse(bad, bad.message)

    def _write(self, record: Any, document: Document) -> None:
        try:
            self._writer.write(record, document)
        except Unwritable as error:
            self._refuse(record, f"{record.place}: {error}")
            return
        self._count(record)
        self.done.documents += 1
        self.done.tokens += len(document.tags)
        self.done.entities += len(document.entities)

    def _refuse(self, record: Record | BadRecord, message: str) -> None:
        if not self._skip:
            raise InputError(message)
        self._count(record)
        self.done.skipped += 1
        print(f"seqtag: skipped: {message}", file=sys.stderr)

    def _count(self, record: Record | BadRecord) -> None:
        self.done.records += 1
        if self._progress:
            self.done.checksum = record.checksum(self.done.checksum)
