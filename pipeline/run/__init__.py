"""One run on this machine: checks before it, its lock, retries, timeouts, recovery and progress."""
