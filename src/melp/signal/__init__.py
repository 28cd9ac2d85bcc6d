"""Signals: resampling, filters and the preprocessing that a checkpoint carries."""
