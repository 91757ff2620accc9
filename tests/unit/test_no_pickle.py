"""Opening a pickle runs whatever it says, so ACE opens none; the sources themselves are asked."""

import ast
from pathlib import Path

import ace

PACKAGE = Path(ace.__file__).parent
OWN_CHILD = "executors/ahead_building.py"
"""The order that a process has just written for one that it starts, in a folder that only its user can enter."""


def calls():
    for file in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                yield file.relative_to(PACKAGE).as_posix(), node, ast.unparse(node.func)


def said(node, keyword):
    return next((ast.unparse(k.value) for k in node.keywords if k.arg == keyword), None)


def test_no_source_of_ace_opens_a_pickle():
    opening = ("pickle.load", "pickle.loads", "pickle.Unpickler", "joblib.load", "yaml.load", "marshal.loads", "eval")
    found = [(file, name) for file, _, name in calls() if name in opening or name.endswith(("read_pickle", ".dill"))]
    assert found == []


def test_every_array_and_tensor_is_loaded_as_data_alone():
    loads = [(file, node) for file, node, name in calls() if name == "np.load"]
    assert len(loads) > 5  # or this test looks for the wrong name
    assert [file for file, node in loads if said(node, "allow_pickle") != "False"] == []
    tensors = [(file, said(node, "weights_only")) for file, node, name in calls() if name == "torch.load"]
    assert [place for place in tensors if place[1] != "True"] == [(OWN_CHILD, "False")]
