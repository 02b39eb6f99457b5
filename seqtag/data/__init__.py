"""From files to fixed-shape batches: readers, checks, encoding, batching, and the sample corpus."""
