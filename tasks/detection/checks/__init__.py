"""Checks of the boxes of images, beside the checks that every task has."""

from tasks import checking
from tasks.detection.checks import of_files, of_images, of_sets
from tasks.detection.checks.settings import Settings

CHECKS = checking.Checks(
    functions=(
        of_files.bad_boxes,
        of_files.box_size_tags,
        of_files.annotation_names,
        of_files.class_numbers,
        of_images.repeated_boxes,
        of_images.boxes_with_two_classes,
        of_images.boxes_of_whole_image,
        of_images.tiny_boxes,
        of_images.crowded_boxes,
        of_images.many_objects,
        of_sets.label_spellings,
        of_sets.objects_by_split,
        of_sets.object_balance,
        of_sets.copies_with_other_boxes,
    ),
    settings=Settings,
)
