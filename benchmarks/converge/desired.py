"""The state that is declared: N small services, of one set for the Puppet module and one for the other tools."""

from dataclasses import dataclass, replace
from typing import Any

import yaml

MODULE_SET = "bench-p"
TOOLS_SET = "bench-t"
FIRST_VERSION = "1.0-1"
_FIRST_PORT = {MODULE_SET: 20001, TOOLS_SET: 21001}


@dataclass(frozen=True)
class State:
    """What one set of services is to be.

    Attributes:
        prefix: MODULE_SET or TOOLS_SET: what the services' names begin with.
        count: how many services.
        greeting: a value in the first service's config.
        version: the first service's package version, as a number; all others have the first one.
        present: whether the services are to be there at all.
    """

    prefix: str
    count: int
    greeting: int = 1
    version: int = 1
    present: bool = True

    @property
    def services(self) -> list["Service"]:
        """The services, in order."""
        port = _FIRST_PORT[self.prefix]
        plain = [Service(f"{self.prefix}{number + 1:03}", port + number) for number in range(self.count)]
        first = replace(plain[0], version=f"{self.version}.0-1", greeting=self.greeting)
        return [first, *plain[1:]]


@dataclass(frozen=True)
class Service:
    """One service: a package, a user, two directories, a config, log rotation, a unit that runs."""

    name: str
    port: int
    version: str = FIRST_VERSION
    greeting: int = 1

    def as_dict(self) -> dict[str, Any]:
        """The service as the other tools' states read it."""
        return {"name": self.name, "port": self.port, "version": self.version, "greeting": self.greeting}


def hiera(state: State, apt_source: str, watch: int) -> str:
    """The state as Hiera has it for the module: nothing but `services`, `versions` and the place of the packages.

    Args:
        state: what is to be.
        apt_source: the file in /etc/apt that names the repository.
        watch: for how many seconds a new release has to stay ready before it takes over.
    """
    services = {
        service.name: {
            "port": service.port,
            "application": "hello:app",
            "health_path": "/",
            "workers": 1,
            "threads": 1,
            "deadlines": {"watch": watch},
            "config": {"app": {"greeting": f"hello {service.greeting}"}},
            **({} if state.present else {"ensure": "absent"}),
        }
        for service in state.services
    }
    return yaml.safe_dump(
        {
            "flask_microservice::apt_source": apt_source,
            "flask_microservice::services": services,
            "flask_microservice::versions": {service.name: service.version for service in state.services},
        },
        explicit_start=True,
    )
