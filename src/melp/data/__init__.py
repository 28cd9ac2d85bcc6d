"""Data stores: build them, read them, and draw batches from them."""
