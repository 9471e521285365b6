"""Modules and manifests are found wherever an environment.conf says that they are."""

import pytest
from fleet_cli.repository import environment_conf
from fleet_cli.repository.environment_conf import EnvironmentConf


@pytest.mark.parametrize(
    ("text", "modulepath", "manifest"),
    [
        ("", ("modules",), "manifests"),
        ("modulepath = site:modules:$basemodulepath\n", ("site", "modules"), "manifests"),
        ("modulepath=./site/:site//x/../modules:./site\n", ("site", "site/modules"), "manifests"),
        ("# modulepath = a\n  modulepath  =  b  \nmanifest = entry/site.pp\n", ("b",), "entry/site.pp"),
        ("modulepath = /opt/modules:../outside:.\n", (".",), "manifests"),
        ("manifest = /etc/puppetlabs/code/environments/production/m\n", ("modules",), "m"),
        ("manifest = $codedir/environments/$environment/m/\n", ("modules",), "m"),
        ("manifest = $environmentpath/$environment\n", ("modules",), "."),
        ("manifest = /srv/site.pp\n", ("modules",), None),
        ("modulepath='site : dist'\n", ("site", "dist"), "manifests"),
        ('modulepath = "site:modules"\n', ("site", "modules"), "manifests"),
    ],
)
def test_what_it_says(text: str, modulepath: tuple[str, ...], manifest: str | None) -> None:
    said = environment_conf.parse(text)
    assert (said.modulepath, said.manifest) == (modulepath, manifest)


def test_for_a_plan_its_paths_are_its_own_and_no_program_is_run() -> None:
    text = (
        "# a comment on /etc/puppetlabs/code/environments/production/site\n"
        "modulepath = /etc/puppetlabs/code/environments/production/site:$basemodulepath\n"
        "config_version = scripts/cv.sh\n"
    )
    assert environment_conf.laid_out(text) == (
        "# a comment on /etc/puppetlabs/code/environments/production/site\n"
        "modulepath = site:$basemodulepath\n"
        "#config_version = scripts/cv.sh\n"
    )


@pytest.mark.parametrize(
    ("text", "relative"),
    [
        ('"/etc/puppetlabs/code/environments/%{environment}/hieradata"', '"hieradata"'),
        ("/etc/puppet/environments/%{::environment}/hieradata", "hieradata"),
        ("/etc/puppetlabs/code/environments/productions/x", "/etc/puppetlabs/code/environments/productions/x"),
        ("/etc/puppetlabs/code/environments/%{environment}", "."),
        ("/var/lib/hiera", "/var/lib/hiera"),
    ],
)
def test_a_servers_path_of_the_environment_is_the_repositorys(text: str, relative: str) -> None:
    assert environment_conf.relative(text) == relative


def test_directories_of_modules_that_only_the_server_has_are_known_but_for_those_that_each_has() -> None:
    usual = "modulepath = site:$basemodulepath:/etc/puppetlabs/code/modules:/opt/puppetlabs/puppet/modules\n"
    assert environment_conf.parse(usual).elsewhere == ()
    own = "modulepath = /etc/puppetlabs/code/environments/production/site:/srv/private:../shared\n"
    assert environment_conf.parse(own).elsewhere == ("/srv/private", "../shared")
    assert environment_conf.parse("").is_said
    assert not EnvironmentConf().is_said
