import os

from ace.measure.hearing import HEAD_BYTES, TAIL_BYTES, Words


def heard(*parts):
    words = Words()
    for part in parts:
        words.hear(part)
    return words


def test_few_words_are_kept_as_they_were_said(tmp_path):
    heard(b"one\n", b"two\n").write(tmp_path / "log")
    assert (tmp_path / "log").read_bytes() == b"one\ntwo\n"


def test_of_many_words_the_first_and_last_are_kept_and_the_gap_is_counted(tmp_path):
    words = heard(b"first", *[b"x" * 1000] * 1000, b"last")
    words.write(tmp_path / "log")
    kept = (tmp_path / "log").read_bytes()
    assert (kept[:5], kept[-4:]) == (b"first", b"last")
    assert words.left_out == 1_000_009 - HEAD_BYTES - TAIL_BYTES
    assert f"{words.left_out} bytes left out".encode() in kept


def test_last_words_stand_in_the_head_when_little_was_said():
    assert heard(b"a", b"b", b"c\n").last(2) == "c"
    assert heard(b"y" * HEAD_BYTES, b"z").last(2) == "yz"


def test_hearing_out_a_pipe_ends_though_its_writer_lives():
    reading, writing = os.pipe()
    os.write(writing, b"goodbye")
    words = Words()
    words.hear_out(reading)
    os.close(writing)
    os.close(reading)
    assert words.last(100) == "goodbye"
