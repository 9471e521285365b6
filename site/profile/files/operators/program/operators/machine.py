"""What Puppet has written down of this machine."""

import configparser

from operators import places
from operators.errors import Failure


def certname() -> str:
    """Return the name in the machine's certificate.

    Raises:
        Failure: Puppet has not written it down.
    """
    settings = configparser.ConfigParser(interpolation=None)
    settings.read(places.CONFIG, encoding="utf-8")
    name = settings.get("machine", "certname", fallback="")
    if not name:
        raise Failure(f"{places.CONFIG} does not say it: profile::operators::programs writes it, run the agent")
    return name
