"""The release gate: limits, non-inferiority, parity and budget; its blessing is what Pusher reads."""
