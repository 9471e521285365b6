"""A plain scalar is to validate what it is to Puppet: Ruby's own reader is asked."""

import json
import random

from fleet_cli.repository.scalars import Refused, Symbol, resolve
from fleet_cli.roots import rootfs

KNOWN = """
1 -1 +1 0 00 07 08 010 0x1F 0xg 0b101 0b2 1_000 1,000 1__0 12a 1.0 1.10 .5 5. -.5 1e3 1.5e-3 1e .e1 . - + -- 1.2.3
true True TRUE yes Yes no NO on Off y n true1 null Null NULL ~ nULL nothing 190:20:30 1:60 12:30 1:2:3:4 12:30:45.5
:sym ::name :a:b :'quoted' 2026-11-25 2026-1-5 2026-13-01 2026-11-25T10:00:00Z 10.77.0.1 10.77.0.0/24 2001:db8::1
+1_0 1_ _1 0o17 0. -0 1e400 +.5 1.5.5 99999999999999999999999 .inf -.inf .nan << = 1.0.0-1
"""
RUBY = """
require 'json'
require 'psych'
STDOUT << JSON.generate(JSON.parse(STDIN.read).map do |text|
  value = Psych.safe_load("a: #{text}", permitted_classes: [Symbol])['a']
  [value.class.name, value.to_s]
rescue Psych::DisallowedClass
  ['Refused', '']
rescue StandardError => e
  ["#{e.class}: #{e.message}", '']
end)
"""
CLASSES = {str: "String", int: "Integer", float: "Float", type(None): "NilClass", Symbol: "Symbol", Refused: "Refused"}


def described(text: str) -> list[str]:
    """A scalar as validate takes it, in Ruby's words."""
    value = resolve(text)
    if isinstance(value, bool):
        return [f"{value}Class".capitalize().replace("class", "Class"), str(value).lower()]
    if isinstance(value, (Refused, float)):
        return [CLASSES[type(value)], ""]
    return [CLASSES[type(value)], value.name if isinstance(value, Symbol) else "" if value is None else str(value)]


def test_each_scalar_is_what_it_is_to_puppet() -> None:
    chance = random.Random(5)  # noqa: S311 - cases, no secrets
    made = ["".join(chance.choices("0123456789.-+_,:eExXyYnNotrue~", k=chance.randint(1, 6))) for _ in range(4000)]
    # What is no plain scalar in this place is no question.
    texts = [
        text for text in [*KNOWN.split(), *made] if not text.startswith((",", "-:", "::")) and not text.endswith(":")
    ]
    texts = [text for text in texts if text not in ("-", "--", "~:", "<<", "=") and "- " not in text]
    answer = rootfs.run("toolbox", ["ruby", "-e", RUBY], stdin=json.dumps(texts))
    different = {}
    for text, (kind, said) in zip(texts, json.loads(answer.stdout), strict=True):
        own = described(text)
        if kind.startswith("ArgumentError"):
            continue  # such as 0x_: Puppet can't read the file, and neither is it a number here
        if own[0] != kind or (kind not in ("Float", "Refused") and own[1] != said):
            different[text] = (own, (kind, said))
    assert different == {}, "\n".join(
        f"{text!r}: here {ours}, in Ruby {its}" for text, (ours, its) in different.items()
    )
