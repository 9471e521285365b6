"""Foreign text does nothing to a terminal, and text that people wrote stays as it is."""

import pytest
from fleet_cli.machine.printable import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("Zürich → 東京\n\tindented", "Zürich → 東京\n\tindented"),
        ("\x1b[2J\x07", r"\x1b[2J\x07"),
        ("a\rb\x9bA", r"a\rb\x9bA"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
    ],
)
def test_only_what_moves_hides_or_colours_is_written_out(text: str, shown: str) -> None:
    assert printable(text) == shown
