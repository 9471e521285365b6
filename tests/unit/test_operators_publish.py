"""What comes as an archive becomes packages for publish-package, or nothing; and it never stays."""

import io
import os
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from operators import archive
from operators_machine import Machine

BILLING, ORDERS = "billing_1%3a1.0-1_amd64.deb", "orders_2.0~rc1+b1-1_all.deb"
Members = list[tuple[tarfile.TarInfo, bytes]]


def member(name: str, content: bytes = b"package", kind: bytes = tarfile.REGTYPE, link: str = "") -> Members:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    info.size = len(content) if kind == tarfile.REGTYPE else 0
    return [(info, content)]


def packed(members: Members, form: int = tarfile.USTAR_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as tar:
        for info, content in members:
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


def sized(size: int, name: str = BILLING) -> bytes:
    """An archive that says that a file has a size, and ends."""
    info = tarfile.TarInfo(name)
    info.size = size
    return info.tobuf(tarfile.GNU_FORMAT)


GOOD = packed(member(BILLING))
REFUSED: dict[str, tuple[bytes, str]] = {
    "a symlink": (packed(member(BILLING, kind=tarfile.SYMTYPE, link="/etc/shadow")), "no plain file"),
    "a hard link": (packed(member(BILLING) + member(ORDERS, kind=tarfile.LNKTYPE, link="/etc/shadow")), "no plain"),
    "a device": (packed(member(BILLING, kind=tarfile.BLKTYPE)), "no plain file"),
    "a fifo": (packed(member(BILLING, kind=tarfile.FIFOTYPE)), "no plain file"),
    "a directory": (packed(member("packages", kind=tarfile.DIRTYPE)), "no plain file"),
    "a sparse file": (packed(member(BILLING, kind=tarfile.GNUTYPE_SPARSE)), "no plain file"),
    "an absolute path": (packed(member("/etc/cron.d/x_1_all.deb")), "no package's file name"),
    "a path upwards": (packed(member("../x_1_all.deb")), "no package's file name"),
    "a path downwards": (packed(member("a/x_1_all.deb")), "no package's file name"),
    "a path in ustar's own way": (packed(member(f"{'a' * 90}/{'b' * 90}_1_all.deb")), "no package's file name"),
    "an option": (packed(member("--declared=x_1_all.deb")), "no package's file name"),
    "a line break": (packed(member("a_1\n_all.deb")), "no package's file name"),
    "no package": (packed(member("billing.tar")), "no package's file name"),
    "another script's letters": (packed(member("bíllíng_1_all.deb")), "no package's file name"),
    "two same names": (packed(member(BILLING) + member(BILLING)), "twice"),
    "two lists": (packed(member("declared", b"a\n" * 2) + member("declared", b"")), "package's name"),
    "two good lists": (packed(member("declared", b"aa\n") + member("declared", b"")), "twice"),
    "a list of options": (packed(member("declared", b"--list\n") + member(BILLING)), "no package's name"),
    "a list of nothing readable": (packed(member("declared", b"\xff\n") + member(BILLING)), "no package's name"),
    "a list that is too long": (sized(archive.LARGEST_LIST + 1, "declared"), "has more than"),
    "a file that is too big": (sized(archive.LARGEST_FILE + 1), "has more than"),
    "a file of a negative size": (sized(-512), "no plain file"),
    "too many files": (packed([one for n in range(101) for one in member(f"a_{n}_all.deb")]), "more than 100 packages"),
    "no file": (packed([]), "has no package"),
    "a list alone": (packed(member("declared", b"billing\n")), "has no package"),
    "nothing": (b"", "ends too early"),
    "an end within a header": (GOOD[:100], "ends too early"),
    "an end within a file": (GOOD[:515], "ends too early"),
    "an end after a file": (GOOD[:1024], "ends too early"),
    "no archive": (b"!<arch>\ndebian-binary" * 100, "no tar archive"),
    "headers of any length": (
        packed([(tarfile.TarInfo("a" * 200 + "_1_all.deb"), b"")], tarfile.GNU_FORMAT), "--format=ustar",
    ),
    "headers of pax": (packed([(tarfile.TarInfo("é_1_all.deb"), b"")], tarfile.PAX_FORMAT), "--format=ustar"),
}  # fmt: skip
Send = Callable[[bytes], int]


@pytest.fixture
def send(operators: Machine, monkeypatch: pytest.MonkeyPatch) -> Send:
    """Send an archive to a machine whose publish-package lists what it is given and can read."""
    operators.put(
        "publish-package",
        'for file; do case $file in --*) ;; *) echo "$file: published: $(cat $file)"; '
        'echo "publish-package: warning: $file" >&2; stat -c "%a %U" $(dirname $file) >>"$0.modes" ;; esac; done',
    )

    def run(archive: bytes) -> int:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(archive)))
        return operators.run("fleet-publish")

    return run


def left(operators: Machine) -> list[Path]:
    return list((operators.root / "inbox").iterdir())


def test_packages_arrive_as_they_were_sent_and_are_named_as_the_sender_knows_them(
    send: Send, operators: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    sent = member("declared", b"billing\norders\n") + member(BILLING, b"one") + member(ORDERS, b"2" * 3000)
    assert send(packed(sent)) == 0
    first, second, end, *files = operators.given("publish-package") or []
    assert [first, second, end] == ["--declared=billing", "--declared=orders", "--"]
    assert [Path(file).name for file in files] == [BILLING, ORDERS]
    said = capsys.readouterr()
    assert said.out == f"{BILLING}: published: one\n{ORDERS}: published: {'2' * 3000}\n"
    assert said.err == f"publish-package: warning: {BILLING}\npublish-package: warning: {ORDERS}\n"
    assert left(operators) == []
    assert operators.records() == [], "publish-package leaves the record: it would be there twice"


@pytest.mark.parametrize("why", REFUSED)
def test_nothing_but_packages_is_unpacked(
    why: str, send: Send, operators: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    sent, message = REFUSED[why]
    assert send(sent) == 2
    said = capsys.readouterr()
    assert said.err.startswith("fleet-publish: ")
    assert said.err.count("\n") == 1
    assert message in said.err
    assert (operators.given("publish-package"), left(operators)) == (None, [])


def test_an_archive_that_would_fill_the_disk_is_refused(
    send: Send, operators: Machine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(archive, "LARGEST_ARCHIVE", 10)
    assert send(packed(member(BILLING, b"12345678") + member(ORDERS, b"123"))) == 2
    assert "more than 10 bytes" in capsys.readouterr().err
    assert left(operators) == []


def test_a_refusal_of_the_repository_is_passed_on_and_leaves_nothing(
    send: Send, operators: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    operators.put("publish-package", 'for f; do echo "publish-package: $f: no" >&2; done; exit 3')
    assert send(packed(member(BILLING))) == 3
    assert capsys.readouterr().err == f"publish-package: --: no\npublish-package: {BILLING}: no\n"
    assert left(operators) == []


def test_packages_on_their_way_are_nobodys_business(send: Send, operators: Machine) -> None:
    assert send(packed(member(BILLING))) == 0
    assert (operators.root / "bin/publish-package.modes").read_text() == "700 root\n"


def test_what_a_killed_call_has_left_does_not_stay(send: Send, operators: Machine) -> None:
    operators.write("inbox/old/billing.deb", "x")
    operators.write("inbox/new/billing.deb", "x")
    os.utime(operators.root / "inbox/old", (1, 1))
    assert send(GOOD) == 0
    assert [path.name for path in left(operators)] == ["new"], "that of a call that is under way goes"
