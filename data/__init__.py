"""Image examples: folders, pixels and records. Knows no TFX and no Beam."""
