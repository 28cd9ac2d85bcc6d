"""Figures: ECG paper, attention over beats, loss curves and a store at a glance."""
