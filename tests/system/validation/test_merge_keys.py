"""A merge key of YAML is to validate what it is to Puppet: Ruby's own reader is asked."""

import json
from typing import Any

from fleet_cli.repository import yaml_reader
from fleet_cli.repository.documents import Node
from fleet_cli.roots import rootfs


def plain(node: Node) -> Any:
    """A tree without its places."""
    if isinstance(node.value, dict):
        return {key: plain(pair.node) for key, pair in node.value.items()}
    return node.value


def test_a_merge_key_merges_as_ruby_does() -> None:
    bases = "base: &base {a: 1, b: 2}\nmore: &more {b: 4, c: 5}\n"
    cases = ("{<<: *base, b: 3}", "{b: 3, <<: *base}", "{<<: [*base, *more]}", "{<<: 1, b: 3}", "{'<<': *base}")
    texts = [f"{bases}merged: {case}\n" for case in cases]
    script = (
        "STDOUT << JSON.generate(JSON.parse(STDIN.read).map { |text| Psych.safe_load(text, aliases: true)['merged'] })"
    )
    answer = rootfs.run("toolbox", ["ruby", "-rjson", "-rpsych", "-e", script], stdin=json.dumps(texts)).stdout
    documents = [yaml_reader.parse(text.encode(), "merge.yaml") for text in texts]
    assert [plain(document.top["merged"].node) for document in documents] == json.loads(answer)
    assert not any(document.findings for document in documents)
