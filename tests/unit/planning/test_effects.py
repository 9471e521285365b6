"""An operator knows beforehand what restarts, what gets a new release, and why."""

from collections.abc import Mapping
from typing import Any

from catalogs import catalog
from fleet_cli.planning import changes, effects
from fleet_cli.planning.contents import Contents
from fleet_cli.planning.effects import Effect

Resources = Mapping[str, Mapping[str, Any]]
Edges = list[tuple[str, str]]


def follow(old: Resources, new: Resources, edges: Edges | None = None) -> list[Effect]:
    was, now = catalog(old, edges), catalog(new, edges)
    before, after = Contents(was, None), Contents(now, None)
    return effects.find(changes.compare(was, now, before, after), was, now, before, after)


def config(text: str, **more: Any) -> dict[str, Any]:
    return {"content": text, **more}


def test_a_service_restarts_for_what_notifies_it_and_for_what_it_subscribes_to() -> None:
    def resources(text: str) -> Resources:
        return {
            "File[/a]": config(text, notify="Service[a]"),
            "File[/b]": config(text),
            "File[/c]": config(text),
            "Service[a]": {"ensure": "running"},
            "Service[b]": {"ensure": "running", "subscribe": ["File[/b]"], "restart": "systemctl reload b"},
        }

    assert follow(resources("1"), resources("2")) == [
        Effect("a", "restart", because=("File[/a]",)),
        Effect("b", "reload", because=("File[/b]",)),
    ]


def test_events_go_from_whatever_is_in_a_class_to_whatever_is_in_another() -> None:
    def resources(text: str) -> Resources:
        return {
            "Class[Config]": {"notify": "Class[Run]"},
            "Class[Run]": {},
            "My::Part[x]": {},
            "File[/a]": config(text),
            "Service[a]": {"ensure": "running"},
        }

    edges = [("Class[Config]", "My::Part[x]"), ("My::Part[x]", "File[/a]"), ("Class[Run]", "Service[a]")]
    assert follow(resources("1"), resources("2"), edges) == [Effect("a", "restart", because=("File[/a]",))]


def test_events_go_on_through_commands_and_not_through_files() -> None:
    def resources(text: str) -> Resources:
        return {
            "File[/a]": config(text, notify=["Exec[reload]", "File[/b]"]),
            "File[/b]": config("same", notify="Service[b]"),
            "Exec[reload]": {"refreshonly": True, "notify": "Service[a]"},
            "Service[a]": {"ensure": True},
            "Service[b]": {"ensure": "running"},
        }

    found = follow(resources("1"), resources("2"))
    assert [(one.subject, one.what) for one in found] == [("Exec[reload]", "run"), ("a", "restart")]


def test_a_service_that_is_to_stand_still_does_not_restart() -> None:
    def resources(text: str) -> Resources:
        return {"File[/a]": config(text, notify="Service[a]"), "Service[a]": {"ensure": "stopped"}}

    assert follow(resources("1"), resources("2")) == []


def test_a_new_service_starts_and_one_that_is_to_stop_stops() -> None:
    old: Resources = {"Service[b]": {"ensure": "running"}}
    new: Resources = {
        "File[/a]": config("1", notify="Service[a]"),
        "Service[a]": {"ensure": "running"},
        "Service[b]": {"ensure": "stopped"},
    }
    assert [(one.subject, one.what) for one in follow(old, new)] == [("a", "start"), ("b", "stop")]


def service(
    version: str, level: str = "info", hidden: str = "hush", unit: str = "", variable: str = "hush"
) -> dict[str, dict[str, Any]]:
    return {
        "Package[orders]": {"ensure": version},
        "Flask_microservice::Service[orders]": {
            "config": {"log": {"level": level}},
            "secrets": {"app": {"key": hidden}},
            "secret_environment": {"TOKEN": variable},
            "sensitive": ["secrets", "secret_environment"],
        },
        "File[/etc/systemd/system/orders@.service]": {"content": f"[Service]\n{unit}\n[X]\nVersion={version}\n"},
        "File[/etc/orders/default_config.ini]": {"content": f"level = {level}\n{hidden}", "sensitive": ["content"]},
        "File[/etc/orders/secret_environment]": {"content": f'TOKEN="{variable}"\n', "sensitive": ["content"]},
        "Flask_microservice_release[orders]": {"ensure": "serving"},
    }


def test_a_release_is_new_for_another_package_config_secret_or_unit() -> None:
    for changed, reason in (
        (service("2-1"), "its package"),
        (service("1-1", level="debug"), 'its config: log.level "info" → "debug"'),
        (service("1-1", hidden="hush, hush"), "its config: the secret app.key"),
        (service("1-1", unit="Nice=5"), "its unit"),
        (service("1-1", variable="hush, hush"), "its environment: the secret TOKEN"),
    ):
        (effect,) = follow(service("1-1"), changed)
        assert (effect.subject, effect.what, effect.because) == ("orders", "new release", (reason,))
        assert "hush" not in repr(effect)
    assert follow(service("1-1"), service("1-1")) == []


def test_a_release_names_its_package_where_that_has_another_name() -> None:
    """What the apt repository says of a version, such as that nobody can go back behind it, it says of the package."""
    old, new = service("1-1"), service("2-1")
    assert follow(old, new)[0].package == ""
    new["Flask_microservice::Service[orders]"]["package"] = "shop"
    assert follow(old, new)[0].package == "shop"
    assert follow({}, new)[0].package == "shop"


def test_a_release_is_not_new_for_other_files_of_the_service() -> None:
    other = {"File[/etc/logrotate.d/orders]": {"content": "daily"}}
    assert follow(service("1-1"), {**service("1-1"), **other}) == []


def test_a_service_that_comes_or_goes_has_a_first_release_or_none() -> None:
    absent = {"Flask_microservice_release[orders]": {"ensure": "absent"}}
    assert follow({}, service("1-1")) == [Effect("orders", "first release", "", "1-1")]
    assert follow(service("1-1"), absent) == [Effect("orders", "removed", "1-1")]
