"""The classes that Hiera names: `lookup('classes').include` reaches them."""

from collections.abc import Collection, Iterable, Iterator

from fleet_cli.repository.documents import Document, Node
from fleet_cli.validation.puppet_code import ANY, looked_up


class Named:
    """Which classes the values of a key name."""

    def __init__(self, documents: Iterable[Document], classes: Collection[str]) -> None:
        self._documents = list(documents)
        self._classes = classes

    def __call__(self, key: str) -> Iterator[str]:
        """Return the classes in what files have under a key, or under those of a pattern.

        Of a key that may be any, only those count that belong to no class.
        """
        for document in self._documents:
            if ANY not in key:
                pairs = [document.top[key]] if key in document.top else []
            else:
                pairs = [pair for name, pair in document.top.items() if self._fits(name, key)]
            for pair in pairs:
                yield from self._below(pair.node)

    def _fits(self, name: str, key: str) -> bool:
        return "::" not in name if key == ANY else looked_up(name, [key])

    def _below(self, node: Node) -> Iterator[str]:
        if isinstance(node.value, dict):
            for key, pair in node.value.items():
                yield from self._class(key)
                yield from self._below(pair.node)
        elif isinstance(node.value, list):
            for item in node.value:
                yield from self._below(item)
        else:
            yield from self._class(node.value)

    def _class(self, value: object) -> Iterator[str]:
        name = value.removeprefix("::") if isinstance(value, str) else ""
        if name in self._classes:
            yield name
