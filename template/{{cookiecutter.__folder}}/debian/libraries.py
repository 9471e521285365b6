"""libraries.py collect DIRECTORY | depend VENV [-XFILE...]: the libraries that requirements.txt locks, for the package.

collect: put a wheel of each into DIRECTORY, and a requirements.txt that lists all wheels there. What its authors have
published as a wheel is taken as it is; of what there is only the source, a wheel is built here, with Debian's tools:
those that debian/control names. Wheels and sources alike are those of which requirements.txt has the hash.

depend: have dh_shlibdeps note which of Debian's packages the compiled ones need, beside the libraries that they bring.
Files with FILE in their names are left out.

What fails is told in one line that begins with "error:", with the file and the line that can mend it.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import zipfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

REQUIREMENTS, WISHES, CONTROL, RULES = (
    Path(name) for name in ("requirements.txt", "requirements.in", "debian/control", "debian/rules")
)
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input")
# What is built, is built with what debian/control names: pip itself would fetch tools that nobody has locked.
HERE = ("--no-deps", "--no-build-isolation", "--use-pep517")
SOURCES = (".tar.gz", ".tar.bz2", ".tgz", ".zip")

# How a build says what it lacks: a module of Python, a header, a library, a program.
LACKS = {
    "module": re.compile(r"Cannot import '(\w+)[\w.]*'|ModuleNotFoundError: No module named '(\w+)"),
    "header": re.compile(r"fatal error: (\S+): No such file or directory"),
    "library": re.compile(r"Package '?([\w.+-]+)'?,? .*not found|No package '(\S+)' found|cannot find -l(\S+?):?\s"),
    "program": re.compile(r"(\w+) executable not found|command '(\S+)' failed: No such|No such file .*: '([\w+-]+)'"),
}
# Debian's packages of what is often lacking. Those of Python's tools have the name python3-TOOL, but for these.
DEBIAN_NAMES = {
    **{"cython": "cython3", "flit-core": "flit", "meson-python": "python3-mesonpy"},
    **{"Python.h": "python3-dev", "ffi.h": "libffi-dev", "libffi": "libffi-dev", "zlib.h": "zlib1g-dev"},
    **{"pg_config": "libpq-dev", "libpq-fe.h": "libpq-dev", "libpq": "libpq-dev"},
    **{"mysql_config": "default-libmysqlclient-dev", "mysql.h": "default-libmysqlclient-dev"},
    **{"krb5-config": "libkrb5-dev", "gssapi.h": "libkrb5-dev", "ldap.h": "libldap-dev", "lber.h": "libldap-dev"},
    **{"sasl.h": "libsasl2-dev", "ssl.h": "libssl-dev", "openssl": "libssl-dev", "opensslv.h": "libssl-dev"},
    **{"xml2-config": "libxml2-dev", "xslt-config": "libxslt1-dev", "xmlversion.h": "libxml2-dev"},
    **{"curl-config": "libcurl4-openssl-dev", "cmake": "cmake", "ninja": "ninja-build", "pkg-config": "pkgconf"},
    **{"cargo": "cargo", "rustc": "rustc"},
}
UNREACHABLE = re.compile(r"NewConnectionError|NameResolutionError|ConnectTimeoutError|ProxyError|SSLError")
UNREADABLE = re.compile(r"metadata-generation-failed|BackendUnavailable|has inconsistent (?:version|name)")
WHEREVER = re.MULTILINE | re.IGNORECASE


class FailedError(Exception):
    """The message says what failed, and where to mend it."""


def run(command: list[str], environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run COMMAND to its end, its messages among its output."""
    return subprocess.run(  # noqa: S603 - no shell is involved
        command,
        env={**os.environ, **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )


def line_of(file: Path, pattern: str) -> str:
    """FILE:LINE of the first line that begins with PATTERN; FILE alone if there is none."""
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    found = [number for number, line in enumerate(lines, 1) if re.match(pattern, line, re.IGNORECASE)]
    return f"{file}:{found[0]}" if found else str(file)


def asks_for(name: str) -> str:
    """The pattern of a line that asks for the library NAME, however its name is written."""
    return r"[-_.]+".join(map(re.escape, re.split(r"[-_.]+", name))) + r"(?![\w.-])"


def collect(directory: Path) -> None:
    """Put wheels of all libraries into DIRECTORY."""
    command = [*PIP, "download", *HERE, "--require-hashes", "--progress-bar=off", f"--dest={directory}"]
    done = run([*command, f"--requirement={REQUIREMENTS}"])
    if done.returncode:
        print(done.stdout, flush=True)
        raise FailedError(why_not_collected(done.stdout))
    for source in sorted(path for path in directory.iterdir() if path.name.endswith(SOURCES)):
        build(source, directory)
    wheels = sorted(directory.glob("*.whl"))
    lines = [f"./{wheel} --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n" for wheel in wheels]
    (directory / "requirements.txt").write_text("".join(lines), encoding="utf-8")


def build(source: Path, directory: Path) -> None:
    """Put the wheel that a source archive makes into DIRECTORY, in the place of the archive."""
    name = re.sub(r"-[^-]*$", "", source.name)
    # Always in the same folder, which a compiler may write into its output: pip would take a new one each time.
    tree = directory / "source"
    if source.suffix == ".zip":
        with zipfile.ZipFile(source) as archive:
            archive.extractall(tree)  # noqa: S202 - keeps within the folder
    else:
        with tarfile.open(source) as archive:
            archive.extractall(tree, filter="data")
    (top,) = tree.iterdir()
    if missing := missing_tools(top / "pyproject.toml"):
        raise FailedError(why_not_built(name, missing))
    done = run([*PIP, "wheel", *HERE, "--no-index", f"--wheel-dir={directory}", f"./{top}"], compiler())
    if done.returncode:
        print(done.stdout, flush=True)
        raise FailedError(why_not_built(name, what_lacks(done.stdout)))
    print(f"{source.name}: has no wheel for this Python, and was built from its source", flush=True)
    shutil.rmtree(tree)
    source.unlink()


def missing_tools(project: Path) -> list[tuple[str, str]]:
    """Which of the tools that a source is built with, as PROJECT says, are not there, in whichever version.

    Some only leave something out without a word: setuptools, without setuptools-scm, the version and data files.
    """
    settings = tomllib.loads(project.read_text(encoding="utf-8")) if project.exists() else {}
    wanted = [
        re.match(r"[\w.-]+", tool) for tool in settings.get("build-system", {}).get("requires", ()) if ";" not in tool
    ]
    return [("tool", name[0]) for name in wanted if name and not is_installed(name[0])]


def is_installed(distribution: str) -> bool:
    """Whether the Python that runs this has a distribution."""
    try:
        return bool(metadata.version(distribution))
    except metadata.PackageNotFoundError:
        return False


def compiler() -> dict[str, str]:
    """The environment in which to compile: hardened as Debian's own packages are, and without notes for a debugger."""
    flags = dict(line.split("=", 1) for line in run(["dpkg-buildflags"]).stdout.splitlines())
    return flags | {name: f"{flags[name]} -g0" for name in ("CFLAGS", "CXXFLAGS")}


def why_not_collected(output: str) -> str:
    """What pip's output says of why it could not get a library, or not read its source."""
    if UNREACHABLE.search(output):
        return "the package index could not be reached: pip's output, above, says why"
    found = re.search(r"No matching distribution found for ([\w.-]+)(\S*)", output)
    if found and not UNREADABLE.search(output):
        name, pin = found.groups()
        if "(from versions: none)" in output:
            return (
                f"{line_of(REQUIREMENTS, asks_for(name))}: the package index has no {name} at all, or could not be"
                " reached: see which one pip is set up for (PIP_INDEX_URL)"
            )
        return (
            f"{line_of(REQUIREMENTS, asks_for(name))}: the package index has no {name}{pin} for this Python, neither a"
            f" wheel nor the source: ask for another version in {line_of(WISHES, asks_for(name))}, and lock anew"
        )
    if found := re.search(r"DO NOT MATCH THE HASHES.*?^\s+([\w.-]+)==\S+ from", output, re.DOTALL | re.MULTILINE):
        return (
            f"{line_of(REQUIREMENTS, asks_for(found[1]))}: {found[1]} on the package index is not what was locked:"
            " find out who changed it before you lock anew"
        )
    begun = re.findall(r"^(?:Collecting|Processing) .*\(line (\d+)\)", output, re.MULTILINE)
    if begun and UNREADABLE.search(output):
        name = REQUIREMENTS.read_text(encoding="utf-8").splitlines()[int(begun[-1]) - 1].partition("==")[0].strip()
        name = re.sub(r"\[.*", "", name)
        return why_not_built(name, tools_of(name) or what_lacks(output))
    last = [line.removeprefix("ERROR: ") for line in output.splitlines() if line.startswith("ERROR: ")]
    return f"{REQUIREMENTS}: pip does not take it: {last[-1] if last else 'its output, above, says why'}"


def tools_of(name: str) -> list[tuple[str, str]]:
    """The tools that are missing for what pip could not read: it throws the source away, but can be asked for them."""
    with tempfile.TemporaryDirectory() as directory:
        alone = Path(directory, "requirements.txt")
        lock = re.search(rf"^{asks_for(name)}.*\n(?: .*\n)*", REQUIREMENTS.read_text(encoding="utf-8"), WHEREVER)
        alone.write_text(lock[0] if lock else "", encoding="utf-8")
        asked = [*PIP, "download", *HERE, "--check-build-dependencies", f"--dest={directory}", f"--requirement={alone}"]
        said = re.search(r"build dependencies for .* are missing: (.*)\.$", run(asked).stdout, re.MULTILINE)
    return [("tool", tool) for tool in re.findall(r"'([\w.-]+)", said[1])] if said else []


def what_lacks(output: str) -> list[tuple[str, str]]:
    """What the output of a build says that it lacks, each as its kind and name."""
    for kind, pattern in LACKS.items():
        if found := pattern.search(output):
            return [(kind, next(filter(None, found.groups())))]
    return []


def why_not_built(name: str, lacking: list[tuple[str, str]]) -> str:
    """The message for a library of which there is only the source, which LACKING keeps from being built."""
    packages = list(dict.fromkeys(debian_package(*each) or "the Debian package that has it" for each in lacking))
    missing = ", ".join(f"the {kind} {lacked}" for kind, lacked in lacking)
    said = f"for which it lacks {missing}" if lacking else "which fails as the output above says"
    return (
        f"{line_of(REQUIREMENTS, asks_for(name))}: {name} has no wheel for this Python, so it is built from its source,"
        f" {said}: add {', '.join(packages) or 'what it lacks'} to Build-Depends, {line_of(CONTROL, 'Build-Depends:')};"
        f" or ask for a version that has a wheel in {line_of(WISHES, asks_for(name))}, and lock anew"
    )


def debian_package(kind: str, lacked: str) -> str:
    """Debian's package of what a build lacks; empty if that is not known."""
    name = lacked.rpartition("/")[2]
    if kind in ("tool", "module"):
        name = re.sub(r"[-_.]+", "-", name).lower()
        name = DEBIAN_NAMES.get(name, f"python3-{name}")
    else:
        name = DEBIAN_NAMES.get(name, "")
    return name if name and is_in_debian(name) else ""


def depend(venv: Path, *unused: str) -> None:
    """Note the dependencies of what is compiled in VENV, less what the options UNUSED leave out."""
    package = Path(*venv.parts[:2])
    bundled = sorted({f"/{path.parent.relative_to(package)}" for path in bundled_libraries(venv)})
    private = [f"-l{':'.join(bundled)}"] if bundled else []
    done = run(["dh_shlibdeps", *unused, *private, "--", "--warnings=0"])
    if done.returncode:
        print(done.stdout, flush=True)
        raise FailedError(why_no_dependencies(done.stdout))


def bundled_libraries(venv: Path) -> Iterator[Path]:
    """What wheels bring for their extension modules: shared libraries that Python does not import itself."""
    for path in venv.rglob("*.so*"):
        if re.search(r"\.so(\.[\w.]+)?$", path.name) and not re.search(r"\.(cpython-[\w-]+|abi3)\.so$", path.name):
            yield path


def why_no_dependencies(output: str) -> str:
    """What dpkg-shlibdeps' output says of libraries that are not there."""
    missing = re.findall(r"cannot find library (\S+) needed by (\S+)", output)
    missing += re.findall(r"no dependency information found for \S*?([^\s/]+) \(used by (\S+)\)", output)
    if not missing:
        return "dh_shlibdeps failed: its output, above, says why"
    libraries, users = sorted({library for library, _ in missing}), sorted({Path(user).name for _, user in missing})
    packages = [debian_library(library) or f"the Debian package of {library}" for library in libraries]
    more = f" and {len(users) - 1} more, above," if len(users) > 1 else ""
    control, unused = line_of(CONTROL, "Build-Depends:"), line_of(RULES, "UNUSED")
    return (
        f"{control}: add {', '.join(packages)} to Build-Depends, and the package will depend"
        f" on it: {users[0]}{more} of {REQUIREMENTS} needs {', '.join(libraries)}, which no wheel brings and no"
        f" installed Debian package has. If it is never used, add -X{users[0]} to UNUSED instead, {unused}"
    )


def debian_library(soname: str) -> str:
    """Debian's package of a shared library; empty if none has the name that its policy says."""
    found = re.fullmatch(r"(.+)\.so\.([\w.]+)", soname.lower().replace("_", "-"))
    if not found:
        return ""
    name = f"{found[1]}-{found[2]}" if found[1][-1].isdigit() else found[1] + found[2]
    return next(filter(is_in_debian, (name, f"{name}t64")), "")


def is_in_debian(package: str) -> bool:
    """Whether apt knows a package."""
    return bool(shutil.which("apt-cache")) and run(["apt-cache", "show", package]).returncode == 0


def main() -> str | None:
    """Do what is asked; the message if it fails."""
    try:
        match sys.argv[1:]:
            case ["collect", directory]:
                collect(Path(directory))
            case ["depend", venv, *unused]:
                depend(Path(venv), *unused)
            case _:
                return __doc__
    except FailedError as failed:
        return f"error: {failed}"
    return None


if __name__ == "__main__":
    sys.exit(main())
