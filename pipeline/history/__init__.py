"""Earlier runs: what ML Metadata knows of them, where a version comes from, what may be deleted."""
