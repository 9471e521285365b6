"""What `puppet agent --color=false` prints: messages, each of one line or of many."""

import re
from collections.abc import Iterator

LEVELS = ("Emergency", "Alert", "Critical", "Error", "Warning", "Notice", "Info", "Debug")
"""With these words, as Puppet's console has them, the first line of a message begins."""

ERRORS = LEVELS[:4]
_START = re.compile(rf"({'|'.join(LEVELS)}):(?: |$)")
_WRAPPED = "\nWrapped exception:\n"
_DURATION = re.compile(r"after [0-9.]+ seconds")
_GAVE_UP = "Notice: Exiting now because the maxwaitforlock timeout has been exceeded."
_DISABLED = re.compile(
    r"Notice: Skipping run of [^;]+; administratively disabled \(Reason: '(.*)'\);\n"
    r"Use 'puppet agent --enable' to re-enable\.", re.DOTALL,
)  # fmt: skip


def messages(printed: str) -> Iterator[str]:
    """Yield the messages, whole, each with its level; what stands before the first one is none."""
    lines: list[str] = []
    for line in printed.splitlines():
        if _START.match(line):
            if lines:
                yield "\n".join(lines).rstrip()
            lines = [line]
        elif lines:
            lines.append(line)
    if lines:
        yield "\n".join(lines).rstrip()


def errors(printed: str) -> list[str]:
    """Return each distinct error once and whole, in the order in which they were printed.

    Two are the same that differ in how long something took, or in a wrapped exception that says nothing more.
    """
    found: dict[str, str] = {}
    for message in messages(printed):
        if message.startswith(ERRORS):
            text, *wrapped = message.split(_WRAPPED)
            text = text if all(part in text for part in wrapped) else message
            found.setdefault(_DURATION.sub("", text), text)
    return list(found.values())


def gave_up(printed: str) -> bool:
    """Whether the agent left because another run held its lock for longer than `--maxwaitforlock`."""
    return _GAVE_UP in messages(printed)


def disabled_because(printed: str) -> str | None:
    """Return why somebody has disabled the agent, None if nobody has."""
    found = (_DISABLED.match(message) for message in messages(printed))
    return next((match[1] for match in found if match), None)


def told(error: str, resource: str, failure: str) -> bool:
    """Whether the failure of a resource, as its event has it, says what an error says.

    Puppet prints one failure up to three times: as an exception, as the same exception with the one that it wraps, and
    with the resource's path, as the event has it.
    """
    text = error.partition(": ")[2]
    if text.startswith("/") and f"/{resource}" in text:
        text = text.partition(f"/{resource}")[2].partition(": ")[2]
    text = text.removeprefix("Could not evaluate: ")
    return all(part.strip() in failure for part in text.split(_WRAPPED))
