"""What every answer about one person's ECG says."""

DISCLAIMER = "Not a medical device: for research only, not for diagnosis or treatment."
