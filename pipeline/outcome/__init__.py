"""The outcome of a run: the summary for programs, and the lines and pages for people."""
