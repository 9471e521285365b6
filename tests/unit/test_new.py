"""`fleet new`: a service that is there whole, or one message and nothing left behind."""

from pathlib import Path

import pytest
from fleet_cli import cli
from fleet_cli.machine.errors import FleetError
from fleet_cli.services import templates

REPO = Path(__file__).resolve().parents[2]


def new(*arguments: str | Path, repo: Path = REPO) -> None:
    cli.fleet(["-C", str(repo), "new", *map(str, arguments)], standalone_mode=False)


def refusal(*arguments: str | Path, repo: Path = REPO) -> str:
    """The message of a call that is refused, which is one line."""
    with pytest.raises(FleetError) as refused:
        new(*arguments, repo=repo)
    (line,) = str(refused.value).splitlines()
    return line


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["a/b"], "name 'a/b' is no Debian package name"),
        ([""], "name '' is no Debian package name"),
        ([".."], "name '..' is no Debian package name"),
        (["/etc"], "name '/etc' is no Debian package name"),
        (["{{ cookiecutter.email }}"], "name '{{ cookiecutter.email }}' is no Debian package name"),
        (['"""'], "is no Debian package name"),
        (["orders"], "there is a service 'orders' already, declared in hieradata/services/orders.yaml:3"),
        (["billing", "--upstream", "a/b"], "upstream 'a/b' is no Debian package name"),
        (["billing", "--version", "1.0rc1"], "version '1.0rc1' means different things"),
    ],
)
def test_an_answer_that_can_not_be_used_leaves_nothing_behind(arguments: list[str], said: str, tmp_path: Path) -> None:
    assert said in refusal(*arguments, "--output", tmp_path / "deep/er")
    assert list(tmp_path.iterdir()) == []


def test_where_nothing_can_be_written_one_message_says_so(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("mine", encoding="utf-8")
    said = refusal("billing", "--output", file / "deep")
    assert f"{file}/deep/billing: can't be made, and nothing was: Not a directory; choose another --output" in said
    assert "/proc/deep/billing: can't be made, and nothing was" in refusal("billing", "--output", "/proc/deep")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_what_has_the_name_already_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "billing").symlink_to("nowhere")
    with pytest.raises(FleetError, match="billing: exists already"):
        templates.render("billing", tmp_path)
    assert (tmp_path / "billing").is_symlink()


def test_a_service_is_declared_where_it_gets_its_port(tmp_path: Path) -> None:
    layers = "version: 5\nhierarchy:\n- {name: a, datadir: data, glob: '*.yaml'}\n"
    (tmp_path / "hiera.yaml").write_text(layers, encoding="utf-8")
    (tmp_path / "data").mkdir()
    services = "flask_microservice::services:\n  billing: {ensure: absent}\n  shop: {port: 7005}\n"
    (tmp_path / "data/all.yaml").write_text(services, encoding="utf-8")
    output = ("--output", tmp_path / "made")
    assert "'shop' already, declared in data/all.yaml:3" in refusal("shop", *output, repo=tmp_path)
    new("billing", *output, repo=tmp_path)
    assert (tmp_path / "made/billing/setup.cfg").is_file()
    assert [path.name for path in (tmp_path / "made").iterdir()] == ["billing"]
