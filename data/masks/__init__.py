"""Masks: images that give each pixel of another image a class.

Inside the pipeline a mask is uint8 [H, W]: class numbers, and 255 where a pixel has none (void).
"""

VOID = 255
MAX_CLASSES = 255
