"""A build that a library stops says in one line which line of which file to change, and which Debian package to add.

debian/libraries.py of a rendered service runs where packages are built, with an index that is a folder.
"""

import hashlib
import importlib.util
import io
import re
import shutil
import subprocess
import tarfile
from pathlib import Path
from types import ModuleType

import pytest
from fleet_cli.machine import paths
from fleet_cli.roots import rootfs
from fleet_cli.services import templates

EXAMPLE = paths.control_repo() / "modules/flask_microservice/examples/httpbin/debian"
TEMPLATE = paths.control_repo() / "template/{{cookiecutter.__folder}}/debian"
# What dpkg-shlibdeps said of opencv-python, shortened.
NO_LIBRARY = """
dpkg-shlibdeps: error: cannot find library libGL.so.1 needed by debian/billing/opt/x/cv2.abi3.so (ELF format: 'e')
dpkg-shlibdeps: error: cannot find library libX11.so.6 needed by debian/billing/opt/x/libqxcb.so (ELF format: 'e')
dpkg-shlibdeps: error: cannot find library libodd_one.so.3 needed by debian/billing/opt/x/libqxcb.so (ELF format: 'e')
dpkg-shlibdeps: error: cannot continue due to the errors listed above
"""


class Build:
    """A service's source, and an index that has what it locks."""

    def __init__(self, source: Path, index: Path) -> None:
        self.source, self.index = source, index
        self.index.mkdir()
        (self.source / "requirements.txt").write_text("# Locked.\n", encoding="utf-8")

    def lock(self, name: str, version: str, project: str, digest: str = "") -> None:
        """Put the source of a library onto the index, and lock it; with another digest than its own if given."""
        archive = self.index / f"{name}-{version}.tar.gz"
        with tarfile.open(archive, "w:gz") as tar:
            for path, text in {"pyproject.toml": project, "PKG-INFO": f"Name: {name}\nVersion: {version}\n"}.items():
                member = tarfile.TarInfo(f"{name}-{version}/{path}")
                member.size = len(text)
                tar.addfile(member, io.BytesIO(text.encode()))
        digest = digest or hashlib.sha256(archive.read_bytes()).hexdigest()
        with (self.source / "requirements.txt").open("a", encoding="utf-8") as lock:
            lock.write(f"{name.replace('_', '-')}=={version} \\\n    --hash=sha256:{digest}\n    # via billing\n")
        with (self.source / "requirements.in").open("w", encoding="utf-8") as wishes:
            wishes.write(f"# Why.\n\n{name}\n")

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return rootfs.run(
            "build",
            ["sh", "-c", 'cd /source && exec python3 debian/libraries.py "$@"', "libraries", *arguments],
            binds={self.source: "/source", self.index: "/index"},
            env={"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "/index", "PATH": "/source/fakes:/usr/bin:/bin"},
            check=False,
        )

    def failure(self, *arguments: str) -> str:
        """The only line that a run which fails says beside the output of other programs."""
        result = self.run(*arguments)
        assert result.returncode == 1
        (line,) = result.stderr.splitlines()
        return line

    def shlibdeps(self, does: str) -> None:
        """Have a script in the place of dh_shlibdeps."""
        fake = self.source / "fakes/dh_shlibdeps"
        fake.parent.mkdir()
        fake.write_text(f"#!/bin/sh\n{does}\n", encoding="utf-8")
        fake.chmod(0o755)

    def line(self, file: str, start: str) -> str:
        """`FILE:LINE` of what begins so."""
        lines = (self.source / file).read_text(encoding="utf-8").splitlines()
        return f"{file}:{next(number for number, line in enumerate(lines, 1) if line.startswith(start))}"


@pytest.fixture(scope="module")
def billing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return templates.render("billing", tmp_path_factory.mktemp("rendered"))


@pytest.fixture
def build(billing: Path, tmp_path: Path) -> Build:
    return Build(shutil.copytree(billing, tmp_path / "billing"), tmp_path / "index")


@pytest.fixture(scope="module")
def libraries() -> ModuleType:
    """debian/libraries.py, to ask what it makes of the output of programs."""
    spec = importlib.util.spec_from_file_location("libraries", TEMPLATE / "libraries.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_what_is_not_what_was_locked_is_not_packaged(build: Build) -> None:
    build.lock("some_thing", "1.2", '[build-system]\nrequires = ["setuptools"]\n', digest="0" * 64)
    said = build.failure("collect", "wheels")
    assert said.startswith("error: requirements.txt:2: some-thing on the package index is not what was locked")
    assert not list((build.source / "wheels").glob("*"))


def test_a_source_whose_tools_are_missing_names_all_of_them_and_the_line_for_them(build: Build) -> None:
    tools = 'requires = ["hatchling>=1.2", "hatch_vcs", "odd-tool"]\nbuild-backend = "hatchling.build"\n'
    build.lock("some_thing", "1.2", f"[build-system]\n{tools}")
    said = build.failure("collect", "wheels")
    assert said.startswith("error: requirements.txt:2: some-thing has no wheel for this Python")
    for tool in ("hatchling", "hatch_vcs", "odd-tool"):
        assert f"the tool {tool}" in said
    packages = "python3-hatch-vcs, python3-hatchling, the Debian package that has it"
    assert f"add {packages} to Build-Depends, {build.line('debian/control', 'Build-Depends:')};" in said
    assert f"in {build.line('requirements.in', 'some_thing')}, and lock anew" in said


def test_a_tool_without_which_the_version_would_be_lost_is_missed_too(build: Build) -> None:
    """setuptools builds without setuptools-scm: bepasty became version 0.0.0, without its templates."""
    project = '[project]\nname = "some_thing"\ndynamic = ["version"]\n'
    build.lock(
        "some_thing", "1.2", f'[build-system]\nrequires = ["setuptools", "setuptools_scm[toml]>=6.2"]\n{project}'
    )
    assert "lacks the tool setuptools_scm: add python3-setuptools-scm to" in build.failure("collect", "wheels")


def test_what_the_index_does_not_have_is_named_with_its_line(build: Build) -> None:
    build.lock("some_thing", "1.2", "")
    lock = build.source / "requirements.txt"
    lock.write_text(lock.read_text(encoding="utf-8").replace("==1.2", "==1.3"), encoding="utf-8")
    said = build.failure("collect", "wheels")
    assert said.startswith("error: requirements.txt:2: the package index has no some-thing==1.3 for this Python")
    (build.index / "some_thing-1.2.tar.gz").unlink()
    assert "has no some-thing at all, or could not be reached" in build.failure("collect", "wheels")


def test_a_lock_without_hashes_is_refused(build: Build) -> None:
    build.lock("some_thing", "1.2", "")
    (build.source / "requirements.txt").write_text("some-thing==1.2\n", encoding="utf-8")
    assert "pip does not take it: Hashes are required" in build.failure("collect", "wheels")


def test_a_library_that_no_wheel_brings_is_named_with_its_debian_package(build: Build) -> None:
    build.shlibdeps(f"cat <<'END'\n{NO_LIBRARY}\nEND\nexit 25")
    said = build.failure("depend", "debian/billing/opt/venvs/billing")
    control, rules = build.line("debian/control", "Build-Depends:"), build.line("debian/rules", "UNUSED =")
    packages = "libgl1, libx11-6, the Debian package of libodd_one.so.3"
    assert said.startswith(f"error: {control}: add {packages} to Build-Depends")
    assert "cv2.abi3.so and 1 more, above, of requirements.txt needs libGL.so.1, libX11.so.6, libodd_one.so.3" in said
    assert said.endswith(f"add -Xcv2.abi3.so to UNUSED instead, {rules}")


def test_what_wheels_bring_is_looked_for_there_and_unused_files_are_left_out(build: Build) -> None:
    venv = build.source / "debian/billing/opt/venvs/billing/lib/python3.13/site-packages"
    for name in (
        "pillow.libs/libjpeg-32d42e13.so.62.4.0",
        "PIL/_imaging.cpython-313-x86_64-linux-gnu.so",
        "x/y.abi3.so",
    ):
        (venv / name).parent.mkdir(parents=True, exist_ok=True)
        (venv / name).write_bytes(b"")
    build.shlibdeps('echo "called with: $*"; exit 1')
    result = build.run("depend", "debian/billing/opt/venvs/billing", "-Xunused.so")
    private = "/opt/venvs/billing/lib/python3.13/site-packages/pillow.libs"
    assert f"called with: -Xunused.so -l{private} -- --warnings=0" in result.stdout


@pytest.mark.parametrize(
    ("output", "kind", "lacked"),
    [
        ("  fatal error: libpq-fe.h: No such file or directory\n", "header", "libpq-fe.h"),
        ("  Error: pg_config executable not found.\n", "program", "pg_config"),
        (
            "  error: command 'x86_64-linux-gnu-gcc' failed: No such file or directory\n",
            "program",
            "x86_64-linux-gnu-gcc",
        ),
        ("FileNotFoundError: [Errno 2] No such file or directory: 'krb5-config'\n", "program", "krb5-config"),
        ("ModuleNotFoundError: No module named 'Cython'\n", "module", "Cython"),
        ("pip._vendor.pyproject_hooks._impl.BackendUnavailable: Cannot import 'mesonpy'\n", "module", "mesonpy"),
        ("Package libffi was not found in the pkg-config search path.\n", "library", "libffi"),
        ("Package 'cairo', required by 'virtual:world', not found\n", "library", "cairo"),
        ("/usr/bin/ld: cannot find -lpq: No such file or directory\n", "library", "pq"),
    ],
)
def test_what_a_compiler_lacks_is_read_from_its_output(
    libraries: ModuleType, output: str, kind: str, lacked: str
) -> None:
    assert libraries.what_lacks(f"x\n{output}note: above\n") == [(kind, lacked)]


def test_the_example_of_a_foreign_application_packages_as_the_template_does() -> None:
    """It is a copy, as the package that starts from it is to be whole: what is mended in the one is mended in both."""
    for name in ("libraries.py", "pip.py", "tidy.py"):
        assert (EXAMPLE / name).read_bytes() == (TEMPLATE / name).read_bytes(), name
    ours, theirs = ((folder / "rules").read_text(encoding="utf-8") for folder in (TEMPLATE, EXAMPLE))
    options = ours[ours.index("\tdh_virtualenv") : ours.index("\t$(PIP) --python")]
    assert "--extra-pip-arg=--require-hashes" in options
    assert options in theirs
    overridden = [re.findall(r"override_(\w+)", rules) for rules in (ours, theirs)]
    # The template calls them while the tests run, of which the example has none.
    assert {*overridden[0]} - {*overridden[1]} == {"dh_installdeb", "dh_gencontrol", "dh_md5sums"}
    assert {*overridden[1]} <= {*overridden[0]}
    packed = [re.findall(r"\tdh_builddeb.* (-- .*)", rules) for rules in (ours, theirs)]
    assert packed[0] == packed[1] != []
