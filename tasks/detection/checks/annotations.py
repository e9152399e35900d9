"""The annotations of the images that are checked, as ingest has made them."""

from collections.abc import Iterator

from data.boxes import image_size, resolve
from data.boxes.given import Given
from tasks import checking


def of(context: checking.Checked) -> Iterator[resolve.Annotation]:
    """Yields the annotation of each image, in their order."""
    for image in context.images:
        # Boxes are of the file, which ingest may have stored smaller or turned.
        stored = resolve.Size(image.info.width, image.info.height)
        size = image_size.known(image.info) or stored
        turned = context.report.boxes_turned
        yield resolve.resolve(Given.from_json(image.boxes), size, turned)[0]
