"""The release gate: limits, non-inferiority, parity and budget; Pusher reads its blessing."""
