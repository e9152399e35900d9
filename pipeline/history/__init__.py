"""Earlier runs in ML Metadata: their steps, the origin of versions, comparison, cleaning."""
