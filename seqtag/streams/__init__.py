"""Files of texts in, files of tagged texts out: what `seqtag tag` reads and writes, a record at a time."""
