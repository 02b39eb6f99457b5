"""The way of records through a tagger: read, tagged, written, in order, and no more of them held than needed."""

import sys
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from seqtag.document import Document
from seqtag.errors import InputError
from seqtag.stopping import Stopped, StopSignals
from seqtag.streams.progress import Bar, Done, ProgressFile
from seqtag.streams.record import BadRecord, Reader, Record, Unwritable, Writer
from seqtag.tagging.tagger import Tagger


class Stream:
    """One input on its way to one output."""

    def __init__(
        self, tagger: Tagger, reader: Reader, writer: Writer, done: Done, progress: ProgressFile | None, skip: bool
    ) -> None:
        """`done` is what earlier sittings did; `skip` passes bad records over instead of stopping at the first."""
        self._tagger = tagger
        self._reader = reader
        self._writer = writer
        self._progress = progress
        self._skip = skip
        self.done = replace(done)
        self._waiting: deque[tuple[int, Record]] = deque()
        self._bad: str | None = None
        self._unwritable: str | None = None

    def run(self, options: dict[str, Any], bar: Bar) -> None:
        """Tag all that is left. Whatever ends it leaves a valid output, and says in FILE.progress how far it is.

        Args:
            options: arguments of `Tagger.tag`.
            bar: shows how far it is.

        Raises InputError for a bad record, unless such are skipped; all before it is in the output.
        """
        try:
            for document in self._tagger.tag(self._given(self.done.records), **options):
                number, record = self._waiting.popleft()
                with StopSignals() as signals:  # a record is written and counted, or neither
                    self._write(number, record, document)
                    if self._progress and self._progress.due():
                        self._mark(self._progress)
                if signals.received is not None:
                    raise Stopped(signals.received)
                bar.update(self.done, self._reader.bytes_read())
                if self._unwritable:
                    break
        finally:
            with StopSignals():
                if self._progress:
                    self._mark(self._progress)
                self._writer.close()
        if self._unwritable or self._bad:
            raise InputError(self._unwritable or self._bad)

    def _given(self, dealt_with: int) -> Iterator[Any]:
        """The inputs after the first `dealt_with`."""
        for number, record in enumerate(self._reader, 1):
            if number <= dealt_with:
                continue
            if isinstance(record, BadRecord):
                if not self._skip:
                    # What was read before it is still to be tagged and written.
                    self._bad = record.message
                    return
                self._complain(record.message)
                continue
            self._waiting.append((number, record))
            yield record.given

    def _write(self, number: int, record: Record, document: Document) -> None:
        done = self.done
        try:
            self._writer.write(record, document)
        except Unwritable as error:
            message = f"{record.place}: {error}"
            if not self._skip:
                self._unwritable = message
                return
            self._complain(message)
        else:
            done.documents += 1
            done.tokens += len(document.tags)
            done.entities += len(document.entities)
        done.records = number

    def _complain(self, message: str) -> None:
        self.done.skipped += 1
        print(f"seqtag: skipped: {message}", file=sys.stderr)

    def _mark(self, progress: ProgressFile) -> None:
        self.done.mark = self._writer.mark()
        progress.save(self.done)
