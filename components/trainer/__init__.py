"""Training: two-phase transfer learning, and the export of a SavedModel that takes bytes."""
