"""Short ways are held to the long ones: chunks of a file, runs of sums, floats, and marks."""

from __future__ import annotations

import hashlib
import json
import random
import struct
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.workbench.certificate.sample import reseal, sha, task
from workbench.certificate import CertificateError, SigningKey, TaskRecord, verify
from workbench.certificate import stream as streams
from workbench.certificate.bundle import Bundle, Sums, obligation_name, open_bundle, parse_sums
from workbench.certificate.files import EVIDENCE_FILES
from workbench.certificate.question import Marks, same_question
from workbench.certificate.stream import Stream
from workbench.certificate.strict import DOUBT, quick_line
from workbench.certificate.verdicts import keys_digest

FOLDER = settings(
    deadline=None, max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def opened(folder: Path, data: bytes) -> Stream:
    (folder / "rows.jsonl").write_bytes(data)
    return Stream(Bundle(folder, ("rows.jsonl",)), "rows.jsonl")


@FOLDER
@given(data=st.binary(max_size=60).map(lambda d: d.replace(b"a", b"\n")), chunk=st.integers(1, 9))
def test_lines_are_the_same_wherever_a_chunk_ends(tmp_path: Path, data: bytes, chunk: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(streams, "_CHUNK", chunk)
        stream = opened(tmp_path, data)
        lines: list[bytes] = []
        whole = not data or data.endswith(b"\n")
        with nullcontext() if whole else pytest.raises(CertificateError, match="newline"):
            for block in stream.blocks():
                lines += block
        assert lines == data.split(b"\n")[:-1]
        assert stream.digest == hashlib.sha256(data).hexdigest()


def test_the_digest_is_of_all_bytes_whoever_stops_reading(tmp_path: Path) -> None:
    data = b"{}\n" * 400_000
    stream = opened(tmp_path, data)
    assert next(stream.blocks())[0] == b"{}"
    assert stream.digest == sha(data)
    stream.close()
    stream.close()


def test_a_line_without_end_is_refused_in_bounded_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "LONGEST_LINE", 100)
    monkeypatch.setattr(streams, "_CHUNK", 16)
    with pytest.raises(CertificateError, match="too long"):
        list(opened(tmp_path, b"x" * 200 + b"\n").blocks())
    assert list(opened(tmp_path, b"x" * 90 + b"\n").blocks()) == [[b"x" * 90]]


def test_floats_that_pass_quickly_are_spelled_as_python_spells_them() -> None:
    draw = random.Random(7)
    drawn = [struct.unpack("<d", draw.randbytes(8))[0] for _ in range(20_000)]
    drawn += [draw.uniform(-1, 1) for _ in range(10_000)]
    drawn += [10.0**e * s for e in range(-8, 19) for s in (1, -1, 1.5, 0.9999999999999999)]
    quick = 0
    for value in drawn:
        if value != value or abs(value) == float("inf"):
            continue
        spelled = json.dumps(value)
        # Neither printer's spelling passes for the other's where they differ.
        for line in {spelled, f"{value:.17g}", f"{value:f}"}:
            found = quick_line(line.encode())
            if found is not DOUBT:
                quick += 1
                assert json.dumps(json.loads(line)) == line
                assert found == json.loads(line)
    assert quick > 10_000


def sums_text(names: list[str]) -> bytes:
    return "".join(f"{sha(name)}  {name}\n" for name in names).encode()


def obligations(count: int) -> list[str]:
    return sorted(sha(str(n)) for n in range(count))


def test_obligations_in_a_run_and_other_files_around_them_are_told_apart() -> None:
    digests = obligations(5)
    lines = [f"{d}  {obligation_name(d)}\n" for d in digests]
    text = sums_text(["README.md", "evidence/a"]) + "".join(lines).encode()
    text += sums_text(["evidence/z"])
    found = parse_sums(text)
    assert found.obligations == tuple(digests)
    assert list(found.files) == ["README.md", "evidence/a", "evidence/z"]
    assert obligation_name(digests[0]) in found.names
    assert len(found.names) == 8


@pytest.mark.parametrize("fault", ["unsorted", "twice", "late", "early", "case"])
def test_a_run_of_obligations_that_is_out_of_order_is_refused(fault: str) -> None:
    digests = obligations(4)
    if fault == "unsorted":
        digests = digests[::-1]
    if fault == "twice":
        digests.insert(1, digests[1])
    text = "".join(f"{d}  {obligation_name(d)}\n" for d in digests).encode()
    around = {"late": sums_text(["zebra"]) + text, "early": text + sums_text(["README.md"])}
    clash = obligation_name(digests[0]).upper().replace("EVIDENCE/", "evidence/")
    around["case"] = sums_text([clash]) + text
    with pytest.raises(CertificateError) as caught:
        parse_sums(around.get(fault, text))
    assert caught.value.code == ("case-clash" if fault == "case" else "malformed")


def test_an_obligation_not_named_by_its_digest_is_a_file_like_others() -> None:
    good, bad = obligations(2)
    text = f"{good}  {obligation_name(good)}\n{good}  {obligation_name(bad)}\n".encode()
    assert parse_sums(text) == Sums({obligation_name(n): good for n in (good, bad)}, ())


@pytest.mark.parametrize("kind", ["folder", "link", "long", "gone"])
def test_an_obligation_that_is_odd_is_looked_at_the_long_way(
    bundle: Path, key: SigningKey, kind: str
) -> None:
    """The listing was made before: what an obligation is now decides."""
    listed = open_bundle(bundle)
    path = bundle / obligation_name(listed.obligations[0])
    data = path.read_bytes()
    path.unlink()
    if kind == "folder":
        path.mkdir()
    elif kind == "link":
        (bundle / "elsewhere").write_bytes(data)
        path.symlink_to(bundle / "elsewhere")
    elif kind == "long":
        path.write_bytes(data + b" " * 100_000)
    with pytest.raises(CertificateError) as caught:
        listed.same_obligations()
    codes = {"folder": "odd-file", "link": "missing-file", "gone": "missing-file"}
    assert caught.value.code == codes.get(kind, "changed-file")


def test_obligations_longer_than_one_read_are_sound(tmp_path: Path) -> None:
    text = b"; " + b"x" * 200_000
    folder = tmp_path / "evidence/obligations"
    folder.mkdir(parents=True)
    (folder / f"{sha(text)}.smt2").write_bytes(text)
    open_bundle(tmp_path).same_obligations()
    Bundle(tmp_path / "evidence", (), ()).same_obligations()


def test_keys_never_run_together() -> None:
    a, b = "a" * 64, "b" * 64
    assert keys_digest([("x", a), ("y", b)]) == keys_digest([("x", a), ("y", b)])
    assert keys_digest([(f"x{a}", b)]) != keys_digest([("x", a), ("", b)])
    assert keys_digest([("x", a), ("y", b)]) != keys_digest([(f"x1 {b} y", a)])
    assert keys_digest([]) != keys_digest([("", a)])


PROMPTS = st.sampled_from(
    ["Add 1 to x.", "add  1 TO x", "add add add one", "f f f one", "add f add one", "\u00c4dd one",
     "\u00e4dd ONE", "stra\u00dfe", "STRASSE", "x_1 add", "", "two-three"]
)  # fmt: skip
TESTS: Any = st.lists(
    st.sampled_from([{"args": [1], "expected": 2}, {"args": [{"$tuple": [1]}], "expected": "},{"},
                     {"args": [], "raises": "E"}]),
    max_size=3,
)  # fmt: skip


def asked(name: str, prompt: str, tests: list[Any], ensures: list[str]) -> TaskRecord:
    fields = json.loads(task(name, 1, "train").model_dump_json())
    fields |= {"prompt": prompt, "tests": tests, "ensures": ensures}
    return TaskRecord.model_validate_json(json.dumps(fields))


@settings(max_examples=300, deadline=None)
@given(PROMPTS, PROMPTS, TESTS, TESTS, st.booleans(), st.randoms(use_true_random=False))
def test_tasks_that_ask_the_same_have_a_mark_in_common(
    one: str, two: str, mine: list[Any], theirs: list[Any], same: bool, draw: random.Random
) -> None:
    if same:
        theirs = draw.sample(mine, len(mine))
    ensures = draw.choice([["result == x"], ["result == x", "x > 0"], []])
    held, trained = asked("a", one, mine, ensures), asked("b", two, theirs, ensures[::-1])
    marks = Marks()
    marks.add(held, train=False)
    marks.add(trained, train=True)
    if same_question([held], [trained]) is not None:
        assert marks.meet
        assert marks.suspects(held)
        assert marks.suspects(trained)
    elif not marks.meet:
        assert not marks.suspects(held)


def test_the_words_of_plain_text_are_those_of_any_text() -> None:
    from workbench.certificate.question import _WORD, _words

    plain = "".join(map(chr, range(128))) * 2 + " Add_1 add add\tADD"
    found = asked("a", plain, [], [])
    words = ["f" if word == "add" else word for word in _WORD.findall(plain.casefold())]
    assert _words(found).split() == words


def test_many_rows_are_verified_in_little_memory(
    bundle: Path, key: SigningKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No more than a chunk of a file of evidence is asked for at a time."""
    read = Bundle.read

    def small(self: Bundle, name: str, **more: Any) -> bytes:
        assert not name.endswith(".jsonl"), name
        return read(self, name, **more)

    monkeypatch.setattr(Bundle, "read", small)
    assert verify(bundle, [key.public]).exit_code == 0


@pytest.mark.parametrize("name", EVIDENCE_FILES)
def test_a_signed_bundle_without_one_file_of_evidence_is_refused(
    bundle: Path, key: SigningKey, name: str
) -> None:
    (bundle / name).unlink()
    reseal(bundle, key)
    failed = verify(bundle, [key.public]).failed
    assert [(check.id, check.code) for check in failed] == [("evidence", "missing-file")]
    assert name in failed[0].detail
