"""Images alone as a source: they lie in the data folder itself, and nothing gives them labels.

::

    <root>/image
"""

from pathlib import Path

from data.layout import class_checks, names, recognise, sniff, walk
from data.layout import unused as unused_files
from data.layout.unused import Reason
from data.sources import by_folder, config, label_source
from data.sources.label_source import Request
from data.splits import folder

UNDERSTOOD = (
    "labels:  none, the images lie in no class folder; only their structure can be measured"
)


def is_flat(root: Path) -> bool:
    """Returns whether image files lie in a folder, and none in any folder below it."""
    try:
        here = sniff.peek(root)
        return here.has_image and not any(
            recognise.holds_image(root / name) for name in here.folders
        )
    except OSError:
        return False  # reading it tells why


class ByImage:
    """Images without labels as a source."""

    def recognises(self, request: Request) -> bool:
        """Returns whether labels are not needed, and none are stated."""
        return (
            not request.rule.needed
            and request.folders.layout == "auto"
            and request.labels.format in (config.AUTO, config.FOLDERS)
            and is_flat(request.root)
        )

    def scan(self, request: Request, note: unused_files.Note | None = None) -> folder.Listing:
        """Lists the images that lie in the data folder.

        Raises:
          errors.DataError: it cannot be read, or settings of a manifest are given.
        """
        by_folder.refuse_manifest_settings(request)
        root, tally, files = request.root, unused_files.Tally(), []
        with label_source.reading(root, "images"):
            for below, entries in walk.walk(root):
                is_hidden = any(names.is_system(part) for part in below.split("/")[:-1])
                usual = Reason.HIDDEN_OR_SYSTEM if is_hidden else Reason.NO_IMAGE_FILE
                for entry, row in unused_files.rows(root, below, entries, usual):
                    if row.is_image and row.reason is Reason.NO_IMAGE_FILE:
                        files.append(
                            folder.ImageFile(
                                row.path, (), None, entry.size_bytes, entry.modified_ns
                            )
                        )
                        continue
                    tally.add(row)
                    if note:
                        note(row)
        return folder.Listing(
            root=root,
            files=tuple(sorted(files, key=lambda file: file.path)),
            unused=tally,
            understood=(UNDERSTOOD,),
        )

    def check(self, listing: folder.Listing, request: Request) -> None:
        """Checks a listing; see :func:`data.layout.class_checks.check_images`."""
        class_checks.check_images(listing, request.folders)
