"""The release gate: floors, non-inferiority, parity and budget; its blessing is what Pusher reads."""
