"""Ingest: class folders → TFRecords of image records, and the list of what was unusable."""
