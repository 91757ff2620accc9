"""A store says where its files are, and is not believed when that is somewhere else on this machine or another host."""

import os
from pathlib import Path

import pytest

from ace.errors import StoreError
from ace.tracking.places import Places

SERVER = "https://ace.example:8443"


@pytest.mark.parametrize("form", ["{}", "file://{}"])
def test_a_folder_below_that_of_the_store_is_a_place_of_it(tmp_path: Path, form: str) -> None:
    inside = tmp_path / "artifacts" / "run"
    assert Places((tmp_path,)).folder(form.format(inside)) == inside
    assert Places((tmp_path / "other", tmp_path), SERVER, alone=False).folder(form.format(inside)) == inside


@pytest.mark.parametrize("uri", ["/", "/etc", "{}/../beside", "{}-beside/x", "file:///", "{}/link/x", "file:///x%00y"])
def test_any_other_folder_is_refused_whoever_keeps_the_store(tmp_path: Path, uri: str) -> None:
    os.symlink("/etc", tmp_path / "link")
    for places in (Places((tmp_path,)), Places((tmp_path,), SERVER, alone=False)):
        with pytest.raises(StoreError, match=r"refused|no path"):
            places.folder(uri.format(tmp_path))


@pytest.mark.parametrize(
    "uri",
    ["http://127.0.0.1:9/x", "https://ace.example:8443/x", "mlflow-artifacts:/1/x", "s3://b/x", "ftp://h/x", "", "x"],
)
def test_a_store_in_a_file_keeps_nothing_on_another_host(tmp_path: Path, uri: str) -> None:
    with pytest.raises(StoreError, match="refused: a store in a file of this machine"):
        Places((tmp_path,)).folder(uri)


@pytest.mark.parametrize(
    "uri", ["mlflow-artifacts:/1/x", "mlflow-artifacts://ace.example:8443/x", SERVER + "/api/x", "s3://bucket/x"]
)
def test_a_server_keeps_files_behind_itself_or_in_a_bucket(tmp_path: Path, uri: str) -> None:
    assert Places((tmp_path,), SERVER, alone=False).folder(uri) is None


@pytest.mark.parametrize(
    "uri",
    [
        "http://evil.example/x",
        "https://ace.example/x",
        "https://ace.example:8443@evil.example/x",
        "mlflow-artifacts://evil.example:8443/x",
        "mlflow-artifacts://ace.example:99999/x",
        "ftp://ace.example:8443.evil.example/x",
        "runs:/x/y",
    ],
)
def test_no_other_host_is_asked_with_the_password_of_the_server(tmp_path: Path, uri: str) -> None:
    with pytest.raises(StoreError, match=r"not the tracking server|at an address that is none"):
        Places((tmp_path,), SERVER, alone=False).folder(uri)


def test_a_database_without_a_server_hands_its_password_to_nobody(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="not the tracking server"):
        Places((tmp_path,), None, alone=False).folder("http://127.0.0.1:9/x")
