"""Corpora, the store built from them, and what is read from it."""
