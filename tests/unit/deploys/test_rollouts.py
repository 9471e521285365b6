"""Calls of rollouts and deploys by hand in any order, twice and late: nodes are given what somebody asked for."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from deploys import answers, command_line, deploying, rollouts
from deploys.deploying import Scope
from deploys.errors import DeployError
from deploys.layout import Layout
from deploys.rollouts import Call
from hypothesis import given, settings
from hypothesis import strategies as st

TIERS = {"staging": ["s1", "s2"], "production": ["p1", "p2", "p3"]}
OLD, *COMMITS = (f"c_{number:010}" for number in range(4))
FLEET = "production"
CALLED = ["begin", "give", "finish", "finish with the fleet", "abort"]


@dataclass(frozen=True)
class Step:
    """A call of a rollout, or a deploy by hand of its commit."""

    does: str
    number: int
    epoch: int
    tier: str
    nodes: frozenset[str]
    now: bool


@dataclass
class Server:
    """Where deploys are, with four environments that are there."""

    root: Path
    last: dict[str, tuple[int, int]] = field(default_factory=dict)
    before: dict[tuple[str, int], dict[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in (OLD, *COMMITS):
            directory = self.root / "environments" / name
            directory.mkdir(parents=True)
            (directory / ".r10k-deploy.json").write_text(json.dumps({"signature": name[2:] + "0" * 30}))
        for nodes in TIERS.values():
            for node in nodes:
                (self.root / "signed").mkdir(exist_ok=True)
                (self.root / "signed" / f"{node}.pem").touch()
        names = (
            "environments",
            "making",
            "checkouts",
            "r10k_cache",
            "r10k",
            "r10k_config",
            "state",
            "signed",
            "confdir",
        )
        self.layout = Layout(**{name: self.root / name for name in names}, account="root")
        with answers.changing(self.layout.answers) as state:
            state.follow(FLEET, OLD, "me")

    def given(self) -> dict[str, str]:
        """What each node is given, read as the node terminus reads it."""
        data = json.loads(self.layout.answers.read_text())
        found = {}
        for tier, nodes in TIERS.items():
            for node in nodes:
                rollout = data["rollouts"].get(tier)
                answer = rollout if rollout and node in rollout["nodes"] else data["tiers"].get(tier) or data["fleet"]
                found[node] = answer["environment"]
        return found

    def do(self, step: Step) -> bool:
        """Do a step; whether it was done."""
        environment = COMMITS[step.number - 1]
        call = Call(step.number, step.epoch, step.tier, environment)
        try:
            match step.does:
                case "begin":
                    rollouts.begin(self.layout, call, environment)
                case "give":
                    rollouts.give(self.layout, call, [node for node in TIERS[step.tier] if node in step.nodes])
                case "abort":
                    rollouts.abort(self.layout, call)
                case "by hand":
                    deploying.give_kept(self.layout, environment, Scope(now=step.now))
                case "by hand to the tier":
                    deploying.give_kept(self.layout, environment, Scope(tier=step.tier, now=step.now))
                case _:
                    rollouts.finish(self.layout, call, fleet=step.does == "finish with the fleet")
        except DeployError as error:
            assert "\n" not in str(error)
            return False
        return True

    def under_way(self) -> dict[str, answers.Rollout]:
        return answers.load(self.layout.answers).rollouts


NODES = sorted({node for nodes in TIERS.values() for node in nodes})
ANY = st.builds(
    Step,
    does=st.sampled_from([*CALLED, "by hand", "by hand to the tier"]),
    number=st.integers(1, len(COMMITS)),
    epoch=st.integers(1, 2),
    tier=st.sampled_from(sorted(TIERS)),
    nodes=st.frozensets(st.sampled_from(NODES)),
    now=st.booleans(),
)


@st.composite
def courses(draw: st.DrawFn) -> list[Step]:
    """What a rollout does in a tier, up to some step, and perhaps its way back."""
    number, tier = draw(st.integers(1, len(COMMITS))), draw(st.sampled_from(sorted(TIERS)))
    does = ["begin", "give", "give", draw(st.sampled_from(["finish", "finish", "finish with the fleet"]))]
    does = [*does[: draw(st.integers(1, len(does)))], *draw(st.sampled_from([[], ["abort"]]))]
    epoch = draw(st.integers(1, 2))
    return [Step(one, number, epoch, tier, draw(st.frozensets(st.sampled_from(NODES))), now=False) for one in does]


BY_HAND = st.builds(
    Step,
    does=st.sampled_from(["by hand", "by hand to the tier"]),
    number=st.integers(1, len(COMMITS)),
    epoch=st.just(1),
    tier=st.sampled_from(sorted(TIERS)),
    nodes=st.just(frozenset()),
    now=st.booleans(),
)
STEPS = st.lists(st.one_of(courses(), courses(), st.one_of(ANY, BY_HAND).map(lambda step: [step])), max_size=6).map(
    lambda parts: [step for part in parts for step in part]
)


@contextmanager
def served() -> Iterator[Server]:
    with TemporaryDirectory(dir="/dev/shm") as directory:  # each step writes to the disk
        yield Server(Path(directory))


@settings(max_examples=300, deadline=None)
@given(steps=STEPS)
def test_whatever_comes_in_whatever_order_nodes_are_given_what_was_asked_for(steps: list[Step]) -> None:
    with served() as server:
        for step in steps:
            _check(server, step)


def _check(server: Server, step: Step) -> None:
    file, given, under_way = server.layout.answers, server.given(), server.under_way()
    own = {tier for tier in answers.load(file).tiers if tier != step.tier}
    text = file.read_text()
    done = server.do(step)
    if not done:
        assert file.read_text() == text, "what was refused has changed something"
        return
    after = file.read_text()
    assert server.do(step), "the same again was refused"
    assert json.loads(file.read_text()) == json.loads(after), "the same again has changed something"
    now = server.given()
    changed = {node for node, environment in now.items() if given[node] != environment}
    if step.does not in CALLED:
        server.before.clear()
        waves = {node for rollout in under_way.values() for node in rollout.nodes}
        assert not changed & waves, "a deploy by hand has moved a node that a rollout has come to"
        if not step.now:
            assert not changed & {node for tier in under_way for node in TIERS[tier]}
        return
    assert (step.number, step.epoch) >= server.last.get(step.tier, (0, 0)), "a controller left behind was obeyed"
    server.last[step.tier] = (step.number, step.epoch)
    # The fleet takes those along that have nothing of their own.
    tiers = {*under_way, *own} if step.does == "finish with the fleet" else TIERS
    others = {node for tier in tiers if tier != step.tier for node in TIERS[tier]}
    assert not changed & others, "a rollout has moved nodes of another tier"
    of_tier = {node: now[node] for node in TIERS[step.tier]}
    commit = COMMITS[step.number - 1]
    match step.does:
        case "begin":
            assert not changed
            if step.tier not in under_way:
                server.before[step.tier, step.number] = of_tier
        case "give":
            assert {node for node in of_tier if node in step.nodes} == set(server.under_way()[step.tier].nodes)
            assert all(of_tier[node] == commit for node in of_tier if node in step.nodes)
        case "finish" | "finish with the fleet":
            # It may have ended before, and the tier have been given another commit by hand since.
            assert set(of_tier.values()) == {commit} or step.tier not in under_way
            if step.does != "finish":
                server.before.clear()
        case "abort":
            assert step.tier not in server.under_way()
            if wanted := server.before.pop((step.tier, step.number), None):
                assert of_tier == wanted, "what was taken back is not as it was before"


WHICH = ["--rollout", "7", "--epoch", "1", "--tier", "staging"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--rollout", "7", "--abort"],
        ["--rollout", "7", "--epoch", "1", "--abort"],
        ["--rollout", "x", "--epoch", "1", "--tier", "staging", "--abort"],
        [*WHICH],
        [*WHICH, "--begin"],
        [*WHICH, "--no-nodes"],
        [*WHICH, "--begin", "--finish", "c_1234567890"],
        ["c_1234567890", *WHICH, "--no-nodes", "--node", "app1.example.org"],
        [*WHICH, "--abort", "--fleet"],
        [*WHICH, "--abort", "--now"],
        [*WHICH, "--finish", "--back"],
        ["production", "--epoch", "1"],
        ["production", "--begin"],
        ["production", "--no-nodes"],
        ["production", "--abort"],
        ["--seal"],
        ["production", "--seal", "--tier", "staging"],
        ["production", "--seal", "--fleet"],
        ["production", "--seal", "--kept"],
    ],
    ids=" ".join,
)
def test_a_call_that_means_nothing_is_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        command_line.main(arguments)
    assert refused.value.code == 2
    assert "error: " in capsys.readouterr().err
