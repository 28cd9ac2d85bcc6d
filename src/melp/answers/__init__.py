"""Answers of a model about one person's ECG, or many: the functions behind the methods of `melp.Model`."""
