"""aptly, which keeps the repository's packages and writes its index."""

from collections.abc import Collection, Iterable

from packages import programs
from packages.debs import Deb, Identity
from packages.errors import PublishError
from packages.repository import Repository


class Aptly:
    """aptly under the lock.

    Args:
        repository: what it works on.
        lock: the descriptor of the lock. aptly holds it too: should this process be killed, the next one waits for it.
    """

    def __init__(self, repository: Repository, lock: int) -> None:
        self._repository = repository
        self._lock = lock

    def contents(self) -> list[Identity]:
        """Return what the repository holds: what its next index will have."""
        listing = self._run("repo", "show", "-with-packages", self._repository.name)
        rows = listing.partition("\nPackages:\n")[2].splitlines()
        parts = (row.strip().split("_") for row in rows if row.startswith("  "))
        return [Identity(name, version, architecture) for name, version, architecture in parts]

    def add(self, debs: Iterable[Deb]) -> None:
        """Add packages; the index stays as it is."""
        files = [str(deb.copy) for deb in debs]
        try:
            self._run("repo", "add", self._repository.name, *files)
        except PublishError:
            # A full disk may have left the first part of such a file.
            self.clean_up()
            self._run("repo", "add", self._repository.name, *files)

    def remove(self, identities: Collection[Identity]) -> None:
        """Remove packages, with their files; the index stays as it is."""
        if identities:
            queries = [f"'{each.name}_{each.version}_{each.architecture}'" for each in identities]
            self._run("repo", "remove", self._repository.name, *queries)
            self.clean_up()

    def clean_up(self) -> None:
        """Remove files that belong to no package."""
        self._run("db", "cleanup")

    def update_index(self) -> None:
        """Write and sign the index of what the repository holds, and put it in the place of the old one."""
        self._run("publish", "update", "-batch", self._repository.suite, self._repository.prefix)

    def _run(self, *arguments: str) -> str:
        environment = {"GNUPGHOME": str(self._repository.gnupg_home)}
        return programs.run(["aptly", *arguments], environment=environment, keep=[self._lock])
