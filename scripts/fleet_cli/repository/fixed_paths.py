"""Where the parts of a service are on its node: the contract between the template of services and the Puppet module.

A name is enough to know them. They stand in the module's function flask_microservice::paths, in the template's
cookiecutter.json, and here, for all of `fleet`; a test compares the three.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class FixedPaths:
    """The paths of a service.

    Attributes:
        service: its name.
        package: the name of its Debian package, where several services run from one.
    """

    service: str
    package: str = ""

    @property
    def virtualenv(self) -> str:
        """What dpkg unpacks; nothing runs from there."""
        return f"/opt/venvs/{self._package}"

    @property
    def command(self) -> str:
        """The management command."""
        return f"/usr/bin/{self._package}"

    @property
    def defaults(self) -> str:
        """A copy of the settings that the package has."""
        return f"/usr/share/{self._package}/default_config.ini"

    @property
    def schema(self) -> str:
        """What each of them may be, as JSON Schema."""
        return f"/usr/share/{self._package}/settings.schema.json"

    @property
    def config(self) -> str:
        """What Puppet writes: the settings of this service."""
        return f"/etc/{self.service}/default_config.ini"

    @property
    def environment(self) -> str:
        """The values of its secret environment variables."""
        return f"/etc/{self.service}/secret_environment"

    @property
    def data_dir(self) -> str:
        """What it keeps, and what stays when it goes."""
        return f"/var/lib/{self.service}"

    @property
    def log(self) -> str:
        """Its log, reopened when logrotate moves it."""
        return f"/var/log/{self.service}/{self.service}.log"

    @property
    def releases(self) -> str:
        """Its releases, a directory each."""
        return f"/opt/releases/{self.service}"

    @property
    def unit(self) -> str:
        """The systemd unit of a release."""
        return f"/etc/systemd/system/{self.service}@.service"

    @property
    def application(self) -> str:
        """The WSGI application of a service that was made from the template."""
        return f"{self._package.replace('-', '_')}.application:create_app()"

    @property
    def _package(self) -> str:
        return self.package or self.service
