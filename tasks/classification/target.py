"""The class of an image, in records and in batches."""

from tasks.one_class import Annotation as Annotation
from tasks.one_class import Target

TARGET = Target()
