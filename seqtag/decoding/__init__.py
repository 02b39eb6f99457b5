"""The way back from what the network gives: shared scores, tags, spans, labels."""
