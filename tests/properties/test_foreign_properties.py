"""Whatever bytes a stranger hands over, a reader answers: a value that it believes, or one named refusal. Never another
exception, never a hang, never a value that its own text would not give again.

Two ways to be strange: valid documents with one place changed to any JSON, and bytes cut, doubled or overwritten.
"""

import json
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ace.cli.verifying import verify
from ace.decide.envelope import unsafe_envelope
from ace.decide.judge import judge
from ace.domain.decode import decode
from ace.domain.envelope import envelope_text, read_envelope
from ace.domain.parsing import parse_json
from ace.domain.record import CellRecord, CodeState, record_text
from ace.errors import AceError, DataError, EvidenceError
from ace.importing.formats import READERS, read
from ace.importing.records import imported_plan, imported_record
from ace.report.carried import unpacked
from ace.report.reading import open_bundle
from tests import builders as b
from tests.unit.report.bundles import files, vouched, written, zipped

DATA = Path(__file__).resolve().parents[1] / "data"
NOW_S = 2000.0
LEADING_OUT = ["../x", "/etc/x", "a\\b", "C:/x", "./x", "a//b", "..", "records/../../x"]
few = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
fewest = settings(few, max_examples=10)

odd = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),  # NaN and infinities too: Python's reader takes them from JSON
    st.sampled_from(["", "\ud800", "\x1b[2J", "../../etc/passwd", "<script>", "\u2028", 10**400, -0.0, 1e-320]),
    st.sampled_from([[], {}, [[]], {"": {}}, [None], "x" * 5000]),
    st.integers(1, 400).map(lambda depth: json.loads("[" * depth + "]" * depth)),
)


def places(value: Any, way: tuple = ()) -> list[tuple]:
    """The way to every place within a JSON value; of long lists the first three."""
    found = [way] if way else []
    inner = value.items() if isinstance(value, dict) else enumerate(value[:3]) if isinstance(value, list) else ()
    for key, item in inner:
        found += places(item, (*way, key))
    return found


def changed(draw: Any, text: str) -> str:
    """The document with one place replaced, removed or added to."""
    value = json.loads(text)
    *way, last = draw(st.sampled_from(places(value)))
    at = value
    for key in way:
        at = at[key]
    do = draw(st.sampled_from(["replace", "replace", "remove", "add"]))
    if do == "remove":
        del at[last]
    elif do == "add" and isinstance(at, dict):
        at[draw(st.text(max_size=8))] = draw(odd)
    else:
        at[last] = draw(odd)
    return json.dumps(value, sort_keys=True, separators=(",", ":"))  # half characters spelled out


@st.composite
def strange(draw: Any, text: str) -> bytes:
    """A document as a stranger may hand it over."""
    way = draw(st.sampled_from(["place", "place", "place", "bytes", "nested", "any"]))
    if way == "place":
        return changed(draw, text).encode("utf-8", "surrogatepass")
    if way == "nested":
        depth = draw(st.sampled_from([10, 900, 1100, 200_000]))
        return draw(st.sampled_from([b"[", b'{"a":', b"[[],"])) * depth
    if way == "any":
        return draw(st.binary(max_size=200))
    content = bytearray(text.encode())
    start = draw(st.integers(0, len(content) - 1))
    content[start : start + draw(st.integers(0, 30))] = draw(st.binary(max_size=30))
    return bytes(content)


RECORD = record_text(b.record(sessions=1, of=b.plan(sessions=1, rounds=2)))
[DECIDED] = judge(b.evidence(b.stored(b.honest(0.1, b.plan()))), b.near_term())
ENVELOPE = envelope_text(unsafe_envelope(DECIDED))
FILES = {
    "pyperf": (DATA / "pyperf.json").read_text(),
    "hyperfine": (DATA / "hyperfine.json").read_text(),
    "google-benchmark": json.dumps(
        {"benchmarks": [{"name": n, "run_type": "iteration", "real_time": 2.0, "time_unit": "ms"} for n in "ab"]}
    ),
    "torch": '{"a":[[0.1,0.2],[0.1,0.2]],"b":[[0.2,0.3],[0.1,0.2]]}',
}
CSV = ["session,timing,arm,seconds,order", *(f"{s},{t},{arm},0.{s}{t}1,{2 * t + (arm == 'b')}"
       for s in range(2) for t in range(2) for arm in "ab")]  # fmt: skip


@few
@given(strange(RECORD))
def test_a_record_is_believed_only_as_the_text_that_it_would_be_written_as(content):
    try:
        record = decode(CellRecord, parse_json(content))
    except EvidenceError:
        return
    assert decode(CellRecord, parse_json(record_text(record).encode())) == record


@few
@given(strange(ENVELOPE))
def test_an_envelope_that_somebody_wrote_in_admits_nothing(content):
    found = read_envelope(content.decode("utf-8", "replace"))
    whole = read_envelope(ENVELOPE)
    assert whole.problem is None
    assert found == whole if found.problem is None else not found.admitted


@few
@given(st.sampled_from(sorted(FILES)).flatmap(lambda name: st.tuples(st.just(name), strange(FILES[name]))))
def test_an_imported_file_is_two_arms_or_one_named_refusal(given):
    name, content = given
    _import(name, content)


@few
@given(st.data())
def test_a_csv_is_two_arms_or_one_named_refusal(data):
    rows = [row.split(",") for row in CSV]
    row = data.draw(st.sampled_from(rows))
    cell = st.text(max_size=6) | st.sampled_from(["²", "1e999", "-1", "nan", "9" * 400, "\0", '"', "٣"])
    row[data.draw(st.integers(0, 4))] = data.draw(cell)
    _import("csv", "\n".join(",".join(row) for row in rows).encode("utf-8", "surrogatepass"))


def _import(name: str, content: bytes) -> None:
    assert name in READERS
    try:
        pair = read(content, name)
        plan = imported_plan(b.plan(), pair)
    except DataError:
        return
    code = CodeState(None, None, "package", "none")
    record = imported_record(plan, pair, content=content, file="f", attempt="a", code=code, at=0.0)
    assert decode(CellRecord, parse_json(record_text(record).encode())) == record


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clean") / "bundle"
    written(folder, b.evidence(b.stored(b.record(sessions=2, of=b.plan(sessions=2, rounds=2)))))
    return folder


@few
@given(data=st.data())
def test_the_evidence_of_a_bundle_is_read_or_refused(clean, data):
    there = files(clean)
    name = data.draw(st.sampled_from([name for name in there if name.endswith(".json")]))
    there[name] = data.draw(strange(there[name].decode()))
    try:
        unpacked(there)
    except EvidenceError:
        return


@fewest
@given(data=st.data())
def test_a_bundle_that_a_stranger_vouches_for_is_verified_differs_or_is_refused(clean, data):
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "bundle"
        folder.mkdir()
        for name, content in files(clean).items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(content)
        name = data.draw(st.sampled_from(["decision.json", "evidence.json", "transfer.json", "envelope.json"]))
        original = (folder / name).read_bytes()
        made = data.draw(strange(original.decode()))
        (folder / name).write_bytes(made)
        vouched(folder)
        try:
            found = verify(folder, None, NOW_S)
        except AceError:
            return
        assert found.problems or made == original


@few
@given(data=st.data())
def test_an_archive_is_opened_within_itself_or_refused(clean, data):
    with tempfile.TemporaryDirectory() as scratch:
        place = zipped(clean, Path(scratch) / "bundle.zip", data.draw(st.sampled_from(["", "top/"])))
        name = data.draw(st.text(max_size=12) | st.sampled_from(LEADING_OUT))
        with zipfile.ZipFile(place, "a") as archive:
            entry = zipfile.ZipInfo("x")
            entry.filename = name
            entry.external_attr = data.draw(st.sampled_from([0, 0o120777 << 16, 0o010600 << 16, 0o100600 << 16]))
            archive.writestr(entry, b"/etc/passwd")
        content = bytearray(place.read_bytes())
        if data.draw(st.booleans()):
            start = data.draw(st.integers(0, len(content) - 1))
            content[start : start + 4] = data.draw(st.binary(max_size=4))
        place.write_bytes(content)
        try:
            found = open_bundle(place)
        except EvidenceError:
            return
        whole = files(clean)
        assert {name: found.files[name] for name in found.files if name != "SHA256SUMS"}.items() <= whole.items() or (
            found.problems
        )
        assert sorted(p.name for p in Path(scratch).iterdir()) == ["bundle.zip"]
