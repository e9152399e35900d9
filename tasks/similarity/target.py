"""The class of an image, in records and in batches: whose images are like it."""

from tasks import one_class

TARGET = one_class.Target()
