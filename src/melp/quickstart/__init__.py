"""The whole path in one command, ending in a page that a person can look at."""
