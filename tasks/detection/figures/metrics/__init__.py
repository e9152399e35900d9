"""The metrics of detection."""
