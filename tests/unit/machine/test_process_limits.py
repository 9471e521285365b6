"""A program that takes more than it may is ended; what it said in two streams, and was told, arrives whole."""

import time
from pathlib import Path

import pytest
from fleet_cli.machine import process
from fleet_cli.machine.errors import LimitError


def test_what_is_said_on_both_streams_and_what_is_told_are_whole() -> None:
    text = "ü" * 300_000
    result = process.run(["sh", "-c", "cat; echo wrong >&2"], stdin=text)
    assert (result.stdout, result.stderr) == (text, "wrong\n")


def test_who_does_not_listen_is_no_failure() -> None:
    assert process.run(["true"], stdin="x" * 1_000_000).returncode == 0


def test_who_prints_too_much_is_ended() -> None:
    with pytest.raises(LimitError, match=r"printed more than 1 MiB"):
        process.run(["yes"], most=2**20)


def test_who_takes_too_long_is_ended() -> None:
    start = time.monotonic()
    with pytest.raises(LimitError, match=r"did not end within 1 s"):
        process.run(["sleep", "600"], seconds=1)
    assert time.monotonic() - start < 300


def test_standard_output_goes_to_a_file_and_lines_are_those_of_standard_error(tmp_path: Path) -> None:
    lines: list[str] = []
    process.run(["sh", "-c", "echo data; echo one >&2; printf two >&2"], output=tmp_path / "out", on_line=lines.append)
    assert lines == ["one", "two"]
    assert (tmp_path / "out").read_text() == "data\n"
