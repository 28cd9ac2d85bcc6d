"""Download corpora from PhysioNet and Zenodo."""
