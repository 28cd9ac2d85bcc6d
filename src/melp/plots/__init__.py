"""Pictures: ECG paper, attention over beats, loss curves; each a `<svg>` element."""
