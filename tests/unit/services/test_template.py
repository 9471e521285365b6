"""The cookiecutter template: what it renders, and what it refuses to render."""

import ast
import configparser
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
import service_tox
from cookiecutter.exceptions import FailedHookException
from cookiecutter.main import cookiecutter

TEMPLATE = Path(__file__).parents[3] / "template"
LONGEST = "a23456789-123456789-123456789-bc"

# The tree of shared/seed, in which PKG stands for the package; and what a service needs besides.
SEED_TREE = [
    "AUTHORS.rst",
    "HISTORY.rst",
    "MANIFEST.in",
    "README.rst",
    "requirements.txt",
    "setup.cfg",
    "setup.py",
    "tox.ini",
    "docs/Makefile",
    "docs/make.bat",
    "docs/source/authors.rst",
    "docs/source/conf.py",
    "docs/source/contributing.rst",
    "docs/source/history.rst",
    "docs/source/index.rst",
    "docs/source/readme.rst",
    "docs/source/technical_details.rst",
    "docs/source/usage.rst",
    "src/PKG/__init__.py",
    "src/PKG/application.py",
    "src/PKG/default_config.ini",
    "src/PKG/manage.py",
    "src/tests/conftest.py",
    "src/tests/test_PKG.py",
]
DEBIAN = [
    "debian/changelog",
    "debian/control",
    "debian/copyright",
    "debian/install",
    "debian/libraries.py",
    "debian/links",
    "debian/lintian-overrides",
    "debian/pip.py",
    "debian/rules",
    "debian/source/format",
    "debian/tidy.py",
]
BESIDES = [
    ".copier-answers.yml",
    ".gitignore",
    "Jenkinsfile",
    "docs/source/legacy_client.rst",
    "docs/source/monolith.py",
    "docs/source/api_reference.py",
    "docs/source/extending.rst",
    "docs/source/migrations.rst",
    "pacts/README.rst",
    "requirements-test.in",
    "requirements-test.txt",
    "requirements.in",
    "src/PKG/database.py",
    "src/PKG/database_commands.py",
    "src/PKG/health.py",
    "src/PKG/items.py",
    "src/PKG/log.py",
    "src/PKG/metrics.py",
    "src/PKG/migrations/__init__.py",
    "src/PKG/migrations/env.py",
    "src/PKG/migrations/script.py.mako",
    "src/PKG/migrations/versions/0001_items.py",
    "src/PKG/migrations/versions/__init__.py",
    "src/PKG/models.py",
    "src/PKG/openapi.py",
    "src/PKG/paging.py",
    "src/PKG/problems.py",
    "src/PKG/representations.py",
    "src/PKG/schemas.py",
    "src/PKG/sessions.py",
    "src/PKG/setting_kinds.py",
    "src/PKG/settings.py",
    "src/PKG/settings_schema.py",
    "src/PKG/trace.py",
    "src/PKG/upstreams.py",
    "src/PKG/xml_data.py",
    "src/tests/contracts/test_openapi.py",
    "src/tests/contracts/test_provider.py",
    "src/tests/test_bodies.py",
    "src/tests/test_database.py",
    "src/tests/test_items.py",
    "src/tests/test_metrics.py",
    "src/tests/test_migration_heads.py",
    "src/tests/test_upstreams.py",
    "src/tests/test_xml_data.py",
]
# What only a service with an upstream has: it is a consumer.
CONSUMER = ["pacts/NAME-UPSTREAM.json", "src/tests/contracts/test_consumer.py"]

Render = Callable[..., Path]

VARIANTS = [
    pytest.param({"name": "orders", "upstream": "inventory"}, id="upstream"),
    pytest.param({"name": "inventory"}, id="alone"),
    pytest.param({"name": "stock-keeper", "version": "2.10.3", "upstream": "orders"}, id="dash"),
    pytest.param({"name": "ab"}, id="shortest"),
    pytest.param(
        {"name": LONGEST, "upstream": LONGEST[::-1].replace("cb", "b"), "description": "x" * 80}, id="longest"
    ),
]


def rendered(directory: Path, answers: dict[str, str]) -> Path:
    """Render the template, touching nothing outside a directory; the new service's folder."""
    settings = directory / "cookiecutter.yaml"
    settings.write_text(f"replay_dir: {directory}/replay\ncookiecutters_dir: {directory}/cookiecutters\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(directory))  # Where cookiecutter leaves the rendered hook.
        output = str(directory / "services")
        made = cookiecutter(
            str(TEMPLATE), no_input=True, output_dir=output, config_file=str(settings), extra_context=answers
        )
        return Path(made)


@pytest.fixture
def render_anew(tmp_path: Path) -> Render:
    """Render the template with the given answers; the new service's folder."""
    return lambda **answers: rendered(tmp_path, answers)


@pytest.fixture(scope="module")
def render(tmp_path_factory: pytest.TempPathFactory) -> Render:
    """The folder of a service with the given answers, for all tests that write nothing there."""
    return cache(lambda **answers: rendered(tmp_path_factory.mktemp("rendered"), answers))


def files(service: Path) -> set[str]:
    return {str(path.relative_to(service)) for path in service.rglob("*") if path.is_file()}


@pytest.mark.parametrize("answers", VARIANTS)
def test_every_service_has_the_same_files(render: Render, answers: dict[str, str]) -> None:
    service = render(**answers)
    package = answers["name"].replace("-", "_")
    expected = {name.replace("PKG", package) for name in SEED_TREE + DEBIAN + BESIDES}
    if upstream := answers.get("upstream"):
        expected |= {name.replace("NAME", answers["name"]).replace("UPSTREAM", upstream) for name in CONSUMER}
    assert files(service) == expected
    assert all((service / name).stat().st_size for name in files(service))
    assert os.access(service / "debian/rules", os.X_OK)


@pytest.mark.parametrize("answers", VARIANTS)
def test_a_new_service_needs_no_mending_by_hand(render: Render, answers: dict[str, str]) -> None:
    service = render(**answers)
    for path in service.rglob("*"):
        if path.is_file():
            text = path.read_text("utf-8")
            assert not re.search(r"\{\{|\{%|cookiecutter", text), path
            assert text.endswith("\n"), path
            if path.suffix == ".py":
                compile(text, path, "exec")


@pytest.mark.parametrize("answers", VARIANTS)
def test_a_new_service_passes_its_own_linter(render_anew: Render, answers: dict[str, str]) -> None:
    service = render_anew(**answers)
    for command in service_tox.commands(service, "lint"):
        result = subprocess.run(
            [sys.executable, "-m", *command], cwd=service, capture_output=True, text=True, check=False
        )
        assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Orders", "no Debian package name"),
        ("my_service", "no Debian package name"),
        ("1st", "no Debian package name"),
        ("o", "no Debian package name"),
        ("two words", "no Debian package name"),
        ("orders-", "no Debian package name"),
        ("a--b", "no Debian package name"),
        ("größe", "no Debian package name"),
        ("it's", "no Debian package name"),
        ('a"b', "no Debian package name"),
        ("a\nb", "no Debian package name"),
        ("a" * 33, "no Debian package name"),
        ("class", "a keyword of Python"),
        ("async", "a keyword of Python"),
        ("json", "hide Python's own module"),
        ("test", "hide a library"),
        ("flask", "hide a library"),
        ("flask-restful", "hide a library"),
        ("gunicorn", "hide a library"),
        ("sqlalchemy", "hide a library"),
        ("flask-migrate", "hide a library"),
        ("tests", "hide a library"),
        ("root", "an account or a package that Debian has"),
        ("www-data", "an account or a package that Debian has"),
        ("systemd", "an account or a package that Debian has"),
        ("news", "an account or a package that Debian has"),
        ("redis", "an account or a package that Debian has"),
        ("flask-microservice-drain", "or of a unit or directory"),
        ("systemd-networkd", "or of a unit or directory"),
        ("services", "or of a unit or directory"),
        ("python3", "an account or a package that Debian has"),
    ],
)
def test_a_name_that_would_not_build_is_refused(
    render_anew: Render, tmp_path: Path, capfd: pytest.CaptureFixture[str], name: str, said: str
) -> None:
    assert f"name {name!r}" in refusal(render_anew, tmp_path, capfd, name=name, said=said)


@pytest.mark.parametrize("name", ["a/b", "a//b", "..", "a/../..", ".", "", "-", "TMP/else/where", "x" * 300])
def test_a_name_that_is_no_name_of_a_folder_makes_none_and_costs_none(
    render_anew: Render, tmp_path: Path, capfd: pytest.CaptureFixture[str], name: str
) -> None:
    """cookiecutter makes a service's folder before the hook looks at the name, and removes it if the hook refuses."""
    (tmp_path / "mine").write_text("")
    refusal(render_anew, tmp_path, capfd, name=name.replace("TMP", str(tmp_path)), said="is no Debian package name")
    assert (tmp_path / "mine").is_file()
    assert not (tmp_path / "else").exists()


def test_the_template_refuses_the_names_that_the_module_does() -> None:
    kinds = ("account", "unit", "directory", "package")
    types = "".join(
        (TEMPLATE.parent / f"modules/flask_microservice/types/system_{kind}.pp").read_text("utf-8") for kind in kinds
    )
    names, forms = set(re.findall(r"'([a-z0-9-]+)',", types)), re.findall(r"/\\A(.+?)/", types)
    hook = (TEMPLATE / "hooks/pre_gen_project.py").read_text("utf-8")
    [words] = re.findall(r'^SYSTEM = frozenset\(\n    """(.+?)"""', hook, re.DOTALL | re.MULTILINE)
    [form] = re.findall(r'^SYSTEM_FORM = re.compile\(r"(.+)"\)$', hook, re.MULTILINE)
    assert set(words.split()) == names
    for name in (
        "systemd",
        "systemd-x",
        "systemdx",
        "initrd-x",
        "initrd",
        "flask-microservice-x",
        "flask-microservices",
    ):
        refused = any(re.match(each.replace(r"\z", "$"), name) for each in forms)
        assert bool(re.fullmatch(form, name)) == refused, name


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ({"version": "1.0.0rc1"}, "version '1.0.0rc1' means different things"),
        ({"version": "1.0-2"}, "version '1.0-2'"),
        ({"version": "1:1.0"}, "version '1:1.0'"),
        ({"version": "v1"}, "version 'v1'"),
        ({"version": "1.01"}, "version '1.01'"),
        ({"version": ""}, "version ''"),
        ({"upstream": "In Ventory"}, "upstream 'In Ventory' is no Debian package name"),
        ({"upstream": "class"}, "upstream 'class'"),
        ({"upstream": "orders"}, "upstream 'orders' is the service itself"),
        ({"description": "two\nlines"}, "description 'two\\nlines' must be one line"),
        ({"description": 'a "quoted" word'}, "description"),
        ({"description": "a snake_ in it"}, "description"),
        ({"description": "x" * 81}, "description"),
        ({"description": "x" * 79 + "_"}, "description"),
        ({"description": ""}, "description ''"),
        ({"maintainer": "A <b>"}, "maintainer 'A <b>'"),
        ({"email": "nobody"}, "email 'nobody' is no e-mail address"),
    ],
)
def test_an_answer_that_would_break_a_file_is_refused(
    render_anew: Render, tmp_path: Path, capfd: pytest.CaptureFixture[str], answers: dict[str, str], said: str
) -> None:
    refusal(render_anew, tmp_path, capfd, said=said, **{"name": "orders"} | answers)


def refusal(render: Render, tmp_path: Path, capfd: pytest.CaptureFixture[str], said: str, **answers: str) -> str:
    """What the template says when it refuses the answers; it must be one message, and leave nothing behind."""
    with pytest.raises(FailedHookException):
        render(**answers)
    errors = [line for line in capfd.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert said in errors[0]
    assert list((tmp_path / "services").iterdir()) == []
    return errors[0]


@pytest.mark.parametrize(("name", "package"), [("orders", "orders"), ("stock-keeper", "stock_keeper")])
def test_puppet_finds_everything_in_its_fixed_place(render: Render, name: str, package: str) -> None:
    service = render(name=name)
    rules = dict(re.findall(r"^(\w+) *= *(.+)$", (service / "debian/rules").read_text(), re.MULTILINE))
    assert f"{rules['VENVS']}/{rules['NAME']}" == f"/opt/venvs/{name}"
    assert rules["SHARE"] == f"debian/$(NAME)/usr/share/{name}"
    assert (service / "debian/links").read_text() == f"opt/venvs/{name}/bin/{name} usr/bin/{name}\n"
    assert (service / "debian/install").read_text() == f"src/{package}/default_config.ini usr/share/{name}\n"

    source = service / "src" / package
    assert "create_app" in functions(source / "application.py")
    assert constant(source / "settings.py", "SITE_FILE") == f"/etc/{name}/default_config.ini"
    assert constant(source / "settings.py", "SITE_FILE_VARIABLE") == f"{package.upper()}_CONFIG"
    assert constant(source / "__init__.py", "NAME") == name
    defaults = configparser.RawConfigParser()
    defaults.read(source / "default_config.ini")
    assert defaults["log"]["file"] == f"/var/log/{name}/{name}.log"
    assert defaults["database"]["url"] == f"sqlite:////var/lib/{name}/{name}.db"
    assert set(re.findall(r'get\("(.+?)"\)', (source / "health.py").read_text())) == {"/health/live", "/health/ready"}

    setup = configparser.RawConfigParser()
    setup.read(service / "setup.cfg")
    assert setup["options.entry_points"]["console_scripts"].strip() == f"{name} = {package}.manage:cli"


def functions(path: Path) -> set[str]:
    return {node.name for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)}


def constant(path: Path, name: str) -> object:
    """The text that the module assigns to NAME, as it is or as the only argument of a call."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == name:
            value = node.value.args[0] if isinstance(node.value, ast.Call) else node.value
            return ast.literal_eval(value)
    raise AssertionError(f"{path} does not assign {name}")


@pytest.mark.parametrize(("upstream", "sections"), [("", set()), ("inventory", {"upstreams"})])
def test_a_service_knows_exactly_the_sections_of_the_contract(
    render: Render, upstream: str, sections: set[str]
) -> None:
    defaults = configparser.RawConfigParser()
    defaults.read(render(name="orders", upstream=upstream) / "src/orders/default_config.ini")
    assert set(defaults.sections()) == {"app", "log", "database", "http"} | sections
    assert defaults["http"]["timeout"] == "2.0"


def test_the_package_carries_what_the_service_relies_on(render: Render) -> None:
    service = render(name="stock-keeper", upstream="orders")
    assert (service / "debian/install").read_text().splitlines() == [
        "src/stock_keeper/default_config.ini usr/share/stock-keeper",
        "pacts/stock-keeper-*.json usr/share/stock-keeper/pacts",
    ]
    pact = json.loads((service / "pacts/stock-keeper-orders.json").read_text())
    assert (pact["consumer"]["name"], pact["provider"]["name"]) == ("stock-keeper", "orders")


def test_the_package_version_is_the_python_version(render: Render) -> None:
    service = render(name="orders", version="2.10.3")
    assert (service / "debian/changelog").read_text().startswith("orders (2.10.3-1) ")
    assert "version = 2.10.3\n" in (service / "setup.cfg").read_text()


def test_the_package_starts_nothing_and_leaves_etc_to_puppet(render: Render) -> None:
    debian = render(name="orders") / "debian"
    scripts = ("preinst", "postinst", "prerm", "postrm", "config", "service", "socket", "timer", "init", "logrotate")
    assert not [path.name for path in debian.rglob("*") if path.name.split(".")[-1] in scripts]
    assert "--noscripts" in (debian / "rules").read_text()
    assert not re.search(r"\betc/", (debian / "install").read_text() + (debian / "links").read_text())


@pytest.mark.parametrize("requirements", ["requirements", "requirements-test"])
def test_every_library_is_pinned_and_hashed_and_no_index_is_named(render: Render, requirements: str) -> None:
    service = render(name="orders")
    lock = (service / f"{requirements}.txt").read_text()
    assert "://" not in lock
    entries = re.findall(r"^([a-z0-9-]+)(.*?) \\\n((?: +--hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", lock, re.MULTILINE)
    assert {name for name, _, _ in entries} == set(re.findall(r"^([a-z0-9-]+)[^\s#]*==", lock, re.MULTILINE))
    assert all(re.fullmatch(r"==[0-9.]+", pin) for _, pin, _ in entries)
    wanted = re.findall(r"^([a-z0-9-]+)", (service / f"{requirements}.in").read_text(), re.MULTILINE)
    assert set(wanted) <= {name for name, _, _ in entries}


@pytest.mark.parametrize("requirements", ["requirements.in", "requirements-test.in"])
def test_every_library_has_a_reason(render: Render, requirements: str) -> None:
    lines = (render(name="orders") / requirements).read_text().split("\n\n")[1].splitlines()
    libraries = [number for number, line in enumerate(lines) if not line.startswith("#")]
    assert len(libraries) > 2
    assert [lines[number] for number in libraries if number == 0 or not lines[number - 1].startswith("# ")] == []


@pytest.fixture
def virtualenv(tmp_path: Path) -> Path:
    """What a build leaves of a virtualenv, as far as tidy.py looks at it: one package with one script."""
    venv = tmp_path / "build" / "venv"
    info = venv / "lib/python3.13/site-packages/thing-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "RECORD").write_text(
        "thing.py,sha256=x,6\nthing-1.0.dist-info/RECORD,,\nthing-1.0.dist-info/direct_url.json,sha256=x,2\n"
        "../../../bin/thing,sha256=x,1\n"
    )
    (info / "direct_url.json").write_text("{}")
    (info.parent / "thing.py").write_text("x = 1\n")
    (info.parent / "pip").mkdir()
    (venv / "bin").mkdir()
    (venv / "bin/thing").write_text(f"#!{venv}/bin/python\nimport thing\n")
    (venv / "bin/activate").write_text("")
    (venv / "pyvenv.cfg").write_text(f"home = /usr/bin\ncommand = python3 -m venv {venv}\n")
    return venv


def tidy(service: Path, venv: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(service / "debian/tidy.py"), str(venv), "/opt/venvs/thing", "1000000000"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_packaged_scripts_run_from_the_installed_place(render: Render, virtualenv: Path) -> None:
    result = tidy(render(name="thing"), virtualenv)
    assert result.returncode == 0, result.stderr
    assert (virtualenv / "bin/thing").read_text().startswith("#!/opt/venvs/thing/bin/python\n")
    site = virtualenv / "lib/python3.13/site-packages"
    assert [line.partition(",")[0] for line in (site / "thing-1.0.dist-info/RECORD").read_text().splitlines()] == [
        "../../../bin/thing",
        "thing-1.0.dist-info/RECORD",
        "thing.py",
    ]
    assert not (site / "pip").exists()
    assert not (virtualenv / "bin/activate").exists()
    assert list(site.glob("__pycache__/thing.*.pyc"))
    assert {path.lstat().st_mtime for path in virtualenv.rglob("*")} == {1000000000}


def test_a_script_whose_first_line_would_be_too_long_runs_from_the_installed_place(
    render: Render, virtualenv: Path
) -> None:
    """pip has a shell start these: with a name of 30 letters the path to the build is longer than the kernel reads."""
    script = virtualenv / "bin/thing"
    script.write_text(f"#!/bin/sh\n'''exec' {virtualenv}/bin/python3 \"$0\" \"$@\"\n' '''\nimport thing\n")
    (virtualenv / "bin/shell").write_text("#!/bin/sh\nexec true\n")
    result = tidy(render(name="thing"), virtualenv)
    assert result.returncode == 0, result.stderr
    assert script.read_text() == "#!/opt/venvs/thing/bin/python3\nimport thing\n"
    assert (virtualenv / "bin/shell").read_text() == "#!/bin/sh\nexec true\n"


def test_a_file_for_another_python_does_not_keep_a_library_out(render: Render, virtualenv: Path) -> None:
    site = virtualenv / "lib/python3.13/site-packages"
    (site / "old.py").write_text("print 'for Python 2'\n")
    result = tidy(render(name="thing"), virtualenv)
    assert result.returncode == 0, result.stderr
    assert "old.py" in result.stdout
    assert "note: what is named above is not compiled" in result.stdout
    assert list(site.glob("__pycache__/thing.*.pyc"))


def test_a_package_that_names_its_build_folder_is_not_shipped(render: Render, virtualenv: Path) -> None:
    (virtualenv / "lib/python3.13/site-packages/left.txt").write_text(str(virtualenv))
    result = tidy(render(name="thing"), virtualenv)
    assert result.returncode != 0
    assert "left.txt: names the build folder" in result.stderr
