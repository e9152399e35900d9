"""What an image example is: its folder, its pixels, its record. Knows no TFX and no Beam."""
