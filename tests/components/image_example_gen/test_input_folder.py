"""The list of unused files."""

from components.image_example_gen import input_folder
from data.examples import examples_artifact
from data.layout.unused import Reason, Unused


def test_names_of_unused_files_are_no_formulas(tmp_path):
    state, artifact = tmp_path / "state", tmp_path / "artifact"
    state.mkdir()
    with input_folder.unused_list(str(state), str(artifact)) as note:
        note(Unused("=cmd|' /C calc'!A0.txt", Reason.OUTSIDE_CLASS_FOLDER, False))
        note(Unused("notes.txt", Reason.OUTSIDE_CLASS_FOLDER, False))
    rows = (artifact / examples_artifact.UNUSED_FILE).read_text().splitlines()
    assert rows == [
        "path,reason,is_image",
        "'=cmd|' /C calc'!A0.txt,outside_class_folder,false",
        "notes.txt,outside_class_folder,false",
    ]
