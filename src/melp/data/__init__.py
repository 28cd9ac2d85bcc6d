"""Stores: how they are built, read, and cut into batches."""
