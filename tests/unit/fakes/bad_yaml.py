"""Files of YAML that no reader should get far with, each with the code of what is found in it."""


def bomb() -> bytes:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 30)]
    return "\n".join(lines).encode()


BAD = {
    "a bomb of aliases": (bomb(), "yaml-too-large"),
    "an anchor in itself": (b"a: &a [1, *a]", "yaml-anchor-cycle"),
    "an anchor in itself, merged": (b"a: &a\n  <<: *a\n", "yaml-anchor-cycle"),
    "brackets without end": (b"a: " + b"[" * 100_000, "yaml-too-deep"),
    "mappings without end": ("\n".join(" " * n + "a:" for n in range(2_000)).encode(), "yaml-too-deep"),
    "Latin-1": ("name: Jürgen".encode("latin-1"), "not-utf-8"),
    "UTF-16": ("name: x".encode("utf-16"), "not-utf-8"),
    "a control character": (b"a: \x07", "yaml-syntax"),
    "a tab for indentation": (b"a:\n\tb: 1\n", "yaml-syntax"),
    "a list": (b"- a\n- b\n", "not-a-mapping"),
    "two documents": (b"---\na: 1\n---\nb: 2\n", "second-document"),
    "an alias of nothing": (b"a: *b\n", "yaml-unknown-anchor"),
    "a mapping as a key": (b"{a: 1}: 2\n", "yaml-key"),
}
