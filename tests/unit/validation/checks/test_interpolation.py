"""What Hiera interpolates passes, and what it can't, or would take out without a word, does not."""

import pytest
from fleet_cli.repository.documents import Node
from fleet_cli.validation.checks import interpolation

KNOWN = [
    "plain", "50%", "%(x)s", "%{not closed", "%{facts.os.family}", "%{::facts.networking.ip}", "%{trusted.certname}",
    "%{ environment }", "%{networking.ip}", "%{lookup('a::b.c')}", '%{hiera("a")}', "%{alias('a')}",
    "%{literal('%')}{foo}", "%{scope('facts.x')}", "%{profile::base::zone}",
    "%{facts.'a.b'}", "%{server_facts.serverip}", "%%{}{foo}",
]  # fmt: skip
UNKNOWN = [
    "%{foo}", "a %{facts.x} b%{foo}", "%{}", "pa%{}ss", "%{::}", "%{lookup(a)}", "%{lokup('a')}", "x%{alias('a')}",
    "%{scope('foo')}", "%{hostname}", "%{secret('x')}", "%{'foo'}", "%{1}",
]  # fmt: skip


@pytest.mark.parametrize("text", KNOWN)
def test_what_hiera_knows_passes(text: str) -> None:
    assert list(interpolation.problems(Node(3, 7, text))) == []


@pytest.mark.parametrize("text", UNKNOWN)
def test_what_it_does_not_is_told_with_its_place_and_the_way_to_write_it(text: str) -> None:
    [problem] = interpolation.problems(Node(3, 7, text))
    assert (problem.line, problem.column, problem.code) == (3, 7, "unknown-interpolation")
    assert "write %{literal('%')}{" in problem.suggestion


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("%{lookup('a')}", True), ("%{facts.x}", True), ("%{foo}", False), ("pa%{}ss", False),
        ("%{literal('x')}", False), ("x%{lookup('a')}", False), ("%{lookup('a')}\n", False), ("hush", False),
    ],
)  # fmt: skip
def test_a_secret_is_a_reference_only_as_a_whole(text: str, expected: bool) -> None:
    assert interpolation.is_reference(text) is expected


@pytest.mark.parametrize("text", [
    "plain", "%{role}", "%{::role}", "%{profile::base::zone}", "%{facts.datacenter}", "%{facts.os.family}", "%{}{x}",
    "%{facts.'a.b'}", "%{trusted.extensions.pp_role}", "%{trusted.extensions.1.3.6}",
    "%{lookup('a.b')}", "%{alias('a')}",
    "%{literal('%')}{LEVEL}", "%{scope('x')}", "%{networking.interfaces.eth0.ip}", "%{os.distro.codename}",
])  # fmt: skip
def test_what_may_be_known_where_a_value_is_used_passes(text: str) -> None:
    assert list(interpolation.mistakes(Node(3, 7, text))) == []


@pytest.mark.parametrize(("text", "said"), [
    ("%{lokup('a')}", "did you mean 'lookup'?"),
    ("%{env('HOME')}", "which Hiera does not know"),
    ("%{lookup(a)}", "its argument stands in quotes"),
    ("a %{alias('b')}", "has to be the whole value"),
    ("[%{LEVEL}] x", "write %{literal('%')}{LEVEL}"),
    ("%{User-Agent}i", "write %{literal('%')}{User-Agent}"),
    ("http://%{facts.networking.ip", "is not closed"),
    ("%{facts.os.famly}", "did you mean 'family'?"),
    ("%{fact.os.family}", "did you mean 'facts'?"),
    ("%{trusted.certnam}", "did you mean 'certname'?"),
    ("%{trusted.extensions.pp_rol}", "did you mean 'pp_role'?"),
    ("%{facts['os']['family']}", "write %{facts.os.family}"),
])  # fmt: skip
def test_what_nobody_can_know_is_told(text: str, said: str) -> None:
    [problem] = interpolation.mistakes(Node(3, 7, text))
    assert (problem.line, problem.column, problem.code) == (3, 7, "unknown-interpolation")
    assert said in f"{problem.message}; {problem.suggestion}"
