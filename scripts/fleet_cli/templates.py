"""New services from the project's cookiecutter template."""

import sys
import tempfile
from pathlib import Path

from fleet_cli import paths, process
from fleet_cli.errors import CommandFailedError, FleetError


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
    made = output / name
    if made.exists():
        raise FleetError(f"{made}: exists already; choose another name or --output, nothing was changed")
    # A process of its own: cookiecutter leaves its hooks behind as temporary files, and logs a traceback of its own
    # beside what a hook says of the answers.
    with tempfile.TemporaryDirectory() as temporary:
        try:
            process.run(
                [sys.executable, "-m", "cookiecutter", paths.control_repo() / "template", "--no-input",
                 "--output-dir", output, f"name={name}", f"version={version}", f"upstream={upstream}"],
                env={"TMPDIR": temporary, "HOME": temporary},
            )  # fmt: skip
        except CommandFailedError as error:
            said = [line.removeprefix("error: ") for line in error.output.splitlines() if line.startswith("error: ")]
            raise FleetError("\n".join(said) or str(error)) from None
    return made
