"""New services from the project's cookiecutter template."""

import logging
from pathlib import Path

from cookiecutter.exceptions import CookiecutterException, FailedHookException
from cookiecutter.main import cookiecutter

from fleet_cli import paths
from fleet_cli.errors import FleetError


def render(name: str, output: Path, *, version: str = "1.0.0", upstream: str = "") -> Path:
    """Render a service; return its directory, `output/name`.

    Args:
        name: the Debian package's name.
        output: the directory in which it is made.
        version: the first version.
        upstream: a service that it asks over REST.

    Raises:
        FleetError: a name that can't be one, or the directory exists.
    """
    if (output / name).exists():
        raise FleetError(f"{output / name}: exists already; choose another name or --output, nothing was changed")
    # It would print a traceback beside what the hook says of the user's answers.
    logging.getLogger("cookiecutter").setLevel(logging.CRITICAL + 1)
    try:
        made = cookiecutter(
            str(paths.control_repo() / "template"),
            no_input=True,
            output_dir=str(output),
            extra_context={"name": name, "version": version, "upstream": upstream},
        )
    except FailedHookException:
        # the hook has said on standard error what is wrong with the answers
        raise FleetError(f"no service was made of the name {name!r}: the reason is above") from None
    except CookiecutterException as error:
        raise FleetError(f"the template can't be rendered: {error}") from None
    return Path(made)
