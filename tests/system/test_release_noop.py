"""What the type of releases says to Puppet that would change, and `fleet run --noop` repeats."""

from pathlib import Path

from fleet_cli.roots import rootfs

MODULE = Path(__file__).resolve().parents[2] / "modules/flask_microservice"


def test_a_release_that_would_be_switched_is_not_said_to_be(tmp_path: Path) -> None:
    script = tmp_path / "change.rb"
    script.write_text(
        "require 'puppet'\n"
        "$LOAD_PATH.unshift('/lib_of_module')\n"
        "Puppet.initialize_settings\n"
        "release = Puppet::Type.type(:flask_microservice_release).new(name: 'orders', noop: true, provider: :program)\n"
        "puts release.property(:ensure).change_to_s(:outdated, :serving)\n",
        encoding="utf-8",
    )
    binds = {MODULE / "lib": "/lib_of_module", script: "/change.rb"}
    printed = rootfs.run("toolbox", ["ruby", "/change.rb"], binds=binds).stdout
    assert printed.splitlines()[-1] == "outdated, should be serving"
