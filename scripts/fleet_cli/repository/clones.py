"""Clones of a repository that lack some of its history."""

from pathlib import Path

from fleet_cli.machine import process


def how_to_complete(repo: Path) -> str:
    """Return what to type to get what a shallow clone lacks, its other branches too; empty for a whole repository."""
    shallow = process.run(["git", "-C", repo, "rev-parse", "--is-shallow-repository"], check=False).stdout.strip()
    if shallow != "true":
        return ""
    return (
        "this is a shallow clone, and"
        f" `git -C '{repo}' fetch --unshallow origin '+refs/heads/*:refs/remotes/origin/*'` gets the rest"
    )
