"""Downloads corpora from where they are published."""
