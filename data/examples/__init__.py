"""The records of an Examples artifact: their features, shards, catalog and batches."""
