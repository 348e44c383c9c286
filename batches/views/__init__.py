"""Pages of the batches, by subject."""
