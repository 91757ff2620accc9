"""The study that lies in this repository: its bundles verify, none does once a byte of it is another, and the pages
that quote them say what they say."""

import io
import re
import time
import zipfile
from pathlib import Path

import pytest

from ace.cli import verify
from ace.cli.verifying import Verified
from ace.cli.verifying import verify as verifying
from ace.decide.consensus import consensus_of
from ace.domain.plan import DEVELOPMENT, HOLDOUT
from ace.domain.verdict import Regime
from ace.errors import EvidenceError
from ace.report.container import require_nothing_beside
from ace.report.reading import UNREADABLE
from ace.report.wording import gain_text
from benchmarks.study import MERGING, PRUNING, STUDIES
from benchmarks.study_archives import MOST_BYTES
from benchmarks.study_page import consensus_section

ARCHIVE, PAGE, README = STUDIES / "token_pruning.zip", STUDIES / "token_pruning.md", STUDIES.parents[1] / "README.md"
ARCHIVES = sorted(STUDIES.glob("*.zip"))  # of what was measured so far


def verified(archive: Path) -> int | str | None:
    with pytest.raises(SystemExit) as ended:
        verify.main([str(archive)])
    return ended.value.code


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    with zipfile.ZipFile(ARCHIVE) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(files: dict[str, bytes], place: Path) -> Path:
    with zipfile.ZipFile(place, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return place


def with_a_changed_byte(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


@pytest.fixture(scope="module")
def judged() -> dict[str, Verified]:
    """Every archive, read and judged again."""
    return {archive.stem: verifying(archive, None, time.time()) for archive in ARCHIVES}


def test_every_archive_verifies_and_all_are_small_enough_for_the_repository(judged):
    assert {name: found.problems for name, found in judged.items()} == dict.fromkeys(judged, ())
    assert [found.decisions[0].experiment for found in judged.values()] == list(judged)
    assert sum(archive.stat().st_size for archive in ARCHIVES) <= MOST_BYTES


def test_the_page_names_every_archive_with_its_verdict_and_none_that_is_not_there(judged):
    page = PAGE.read_text(encoding="utf-8")
    assert set(re.findall(r"ace-verify docs/studies/(\w+)\.zip", page)) == set(judged)
    assert set(re.findall(r"docs/studies/(\w+)\.zip", README.read_text(encoding="utf-8"))) <= set(judged)
    for name, found in judged.items():
        verdict = found.decisions[0].verdict
        said = f"**{verdict.replace('_', ' ')}**: " if name == PRUNING else f"## {name}\n\n{verdict}: "
        assert said in page


def test_what_the_page_says_of_two_whole_maps_together_follows_from_their_archives(judged):
    both = {PRUNING, MERGING} <= judged.keys()
    assert ("## Consensus of a family" in PAGE.read_text(encoding="utf-8")) == both
    if both:
        bundles = {name: f"sha256:{judged[name].digest}" for name in (PRUNING, MERGING)}
        found = consensus_of([judged[name].decisions[0] for name in bundles], bundles)
        assert consensus_section(found) in PAGE.read_text(encoding="utf-8")


def test_the_readme_quotes_the_study_as_it_is(judged):
    readme = README.read_text(encoding="utf-8")
    [decision] = judged[PRUNING].decisions
    positive = [c for c in decision.cells if (c.split, c.regime) == (DEVELOPMENT, Regime.POSITIVE)]
    assert f"{len(positive)} of them positive" in readme
    sealed = sorted((c for c in decision.cells if c.split == HOLDOUT), key=lambda c: c.gain or 0.0)
    least, most = (gain_text(sealed[place]).partition(" [")[0] for place in (0, -1))
    assert re.search(rf"{re.escape(least)}\s+to\s+{re.escape(most)}", readme)


def test_the_command_verifies_what_lies_there(capsys):
    assert verified(ARCHIVE) == 0
    assert capsys.readouterr().out.startswith("VERIFIED: ")


@pytest.mark.parametrize("start", ["decision.json", "evidence.json", "records/", "report.html"])
def test_one_changed_byte_in_the_study_is_named(capsys, files, tmp_path, start):
    name = next(name for name in sorted(files) if name.startswith(start))
    lie = packed(files | {name: with_a_changed_byte(files[name])}, tmp_path / "lie.zip")
    assert verified(lie) == 1
    assert name in capsys.readouterr().out


def test_one_changed_byte_of_packed_content_does_not_verify(tmp_path):
    with zipfile.ZipFile(ARCHIVE) as archive:
        first = min(archive.infolist(), key=lambda entry: entry.header_offset)
    # 30 bytes of a local header and its name, then the content
    place = first.header_offset + 30 + len(first.filename) + first.compress_size // 2
    content = bytearray(ARCHIVE.read_bytes())
    content[place] ^= 1
    lie = tmp_path / "lie.zip"
    lie.write_bytes(content)
    assert verified(lie) != 0


@pytest.mark.parametrize("archive", ARCHIVES, ids=lambda archive: archive.stem)
def test_no_byte_of_a_kept_archive_can_be_another(archive):
    whole = archive.read_bytes()
    for place in {*range(100), *range(0, len(whole), len(whole) // 150), *range(len(whole) - 150, len(whole))}:
        content = bytearray(whole)
        content[place] ^= 1
        with pytest.raises((*UNREADABLE, EvidenceError)), zipfile.ZipFile(io.BytesIO(content)) as changed:
            require_nothing_beside(changed, io.BytesIO(content))
