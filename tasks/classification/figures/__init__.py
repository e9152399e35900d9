"""The figures of classification: its metrics, each defined once, and the result of an evaluation."""
