import os

import pyarrow as pa
import pyarrow.parquet as pq

from components.predict.user_files import attachments


def test_masks_lie_beside_the_table_by_the_path_of_their_image(tmp_path):
    part = tmp_path / "part.parquet"
    paths = [b"a/x.jpg", b"../b/x.jpg", b"/c/x.jpg", b"d/none.jpg"]
    table = pa.table({"path": paths, "mask": pa.array([b"1", b"2", b"3", b""], pa.binary())})
    pq.write_table(table, part)
    output = tmp_path / "out" / "answers.csv"
    output.parent.mkdir()
    assert attachments.write(output, [str(part)], {"mask": ".png"}) == 3
    folder = attachments.folder(output, "mask")
    found = {
        os.path.relpath(path, folder): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
    assert found == {"a/x.jpg.png": b"1", "b/x.jpg.png": b"2", "c/x.jpg.png": b"3"}


def test_nothing_is_written_without_such_columns(tmp_path):
    assert attachments.write(tmp_path / "answers.csv", [], {}) == 0
    assert not list(tmp_path.iterdir())
