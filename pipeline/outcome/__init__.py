"""What a run came to: the summary for programs, and the lines and pages for people."""
