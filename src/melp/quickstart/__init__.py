"""All steps from recordings to results in one command, and a page that shows the results."""
