"""What others are complained about (a rollout that never ends, a revert with a canary, success after a revert, …)."""

from collections.abc import Iterable
from dataclasses import replace

import pytest
from fleet_cli.machine.errors import FleetError
from fleet_cli.rollout import orders, waves
from fleet_cli.rollout.controller import Controller
from fleet_cli.rollout.settings import Settings
from fleet_cli.rollout.state import LostError, NodeChange, NodeState, Rollout, ServiceChange, Status
from fleet_cli.rollout.waves import Change
from fleet_cli.rollout.world import Fault, Outcome
from rollout_fleet import NEW, OLD, MemoryStore, Release, SimulatedNode, SimulatedWorld

TIERS = ("staging", "production")
STAGING = Settings(canary=0, batch="100%", max_parallel="100%", no_traffic="verify_only", watch=10)
PRODUCTION = Settings(watch=30)


def fleet(production: int = 4, staging: int = 2) -> list[SimulatedNode]:
    return [
        *(SimulatedNode(f"s{number}.test", "staging") for number in range(1, staging + 1)),
        *(SimulatedNode(f"p{number:03}.test", "production") for number in range(1, production + 1)),
    ]


class Case:
    """A fleet with a rollout of version 2.0 that is begun."""

    def __init__(
        self, *, nodes: Iterable[SimulatedNode] | None = None, new: Release | None = None,
        production: Settings = PRODUCTION, begin: bool = True, one_way: bool = False, quick: bool = False,
    ) -> None:  # fmt: skip
        self.world = SimulatedWorld(nodes or fleet(), {"2.0": new or Release()})
        self.store = MemoryStore()
        self.settings = {"staging": STAGING, "production": production}
        self.one_way, self.quick = one_way, quick
        self.rollout = orders.begin(self.store, self.made()) if begin else self.made()

    def made(self) -> Rollout:
        changes = [
            Change(node.certname, node.certname, "app", node.tier, {"orders": ("1.0", "2.0")})
            for node in self.world.nodes.values()
        ]
        return Rollout(
            0, 1, NEW, dict.fromkeys(TIERS, NEW), dict.fromkeys(TIERS, OLD), True, "faster", "anna", "laptop", 1,
            {one.certname: NodeChange(one.name, one.role, one.tier, {"orders": ServiceChange("1.0", "2.0")})
             for one in changes},
            waves.plan(changes, TIERS, self.settings), one_way=self.one_way, quick=self.quick,
        )  # fmt: skip

    def controller(self, epoch: int | None = None) -> Controller:
        rollout = self.store.read()[1]
        return Controller(1, epoch or rollout.epoch, self.world, self.store, self.settings)

    def drive(self) -> Rollout:
        return self.controller().drive()

    @property
    def served(self) -> set[str]:
        return {node.serves for node in self.world.nodes.values() if node.up}

    @property
    def answers(self) -> set[str]:
        return set(self.world.server.tiers.values())


def test_good_one_comes_everywhere_in_its_waves_and_leaves_nothing_behind() -> None:
    case = Case()
    ended = case.drive()
    assert (ended.status, ended.reason) == (Status.DONE, "")
    assert case.served == {"2.0"}
    assert case.answers == {NEW}
    assert case.world.server.rollouts == {}
    assert [len(run) for run in case.world.runs] == [2, 1, 1, 1, 1]
    assert case.world.told == ["end done"]


def test_bad_one_ends_at_the_canary_and_is_taken_back_without_one() -> None:
    case = Case(new=Release(fails=1.0), nodes=fleet(10, 0))
    case.settings["staging"] = STAGING
    ended = case.drive()
    assert ended.status == Status.REVERTED
    assert "failed" in ended.reason
    assert case.served == {"1.0"}
    assert case.answers == {OLD}
    assert case.world.server.rollouts == {}
    assert {node.certname for node in case.world.nodes.values() if node.changes} == {"p001.test"}
    assert case.world.told == ["end reverted"]
    assert case.world.time < 1_000_000 + 10, "a threshold was breached, and it went on for long"


@pytest.mark.parametrize(
    "release", [Release(fails=0.05), Release(seconds=0.02), Release(refused=True), Release(dies=0.1)]
)
def test_release_that_does_badly_in_part_is_taken_back(release: Release) -> None:
    case = Case(new=release, nodes=fleet(6, 0))
    assert case.drive().status == Status.REVERTED
    assert case.served == {"1.0"}


def test_workers_that_died_before_as_well_are_not_the_release() -> None:
    case = Case(new=Release(dies=0.1), nodes=fleet(6, 0))
    case.world.releases["1.0"] = Release(dies=0.1)
    for node in case.world.nodes.values():
        node.died = node.up_seconds / 10
    assert case.drive().status == Status.DONE


def test_no_traffic_is_neither_success_nor_failure() -> None:
    case = Case(nodes=fleet(3, 0))
    case.world.rate = 0.0
    paused = case.drive()
    assert paused.status == Status.PAUSED
    assert "too few requests" in paused.reason
    assert case.world.told == ["pause paused"]
    orders.promote(case.store, 1)
    again = case.drive()
    assert again.status == Status.PAUSED, "an answer of a person holds for one wave"
    assert again.wave == 1


def test_tier_that_says_so_goes_on_without_traffic() -> None:
    case = Case(nodes=fleet(0, 2))
    case.world.rate = 0.0
    ended = case.drive()
    assert ended.status == Status.DONE
    assert any("too few requests to tell: orders" in line for _, line in ended.log)


def test_outage_of_the_apt_repository_is_not_taken_for_a_bad_release() -> None:
    case = Case()
    case.world.apt_away = True
    paused = case.drive()
    assert (paused.status, paused.reason) == (Status.PAUSED, "s1.test: Package: Failed to fetch")
    case.world.apt_away = False
    orders.resume(case.store, 1, take_over=False)
    assert case.drive().status == Status.DONE


def test_server_that_is_away_pauses_and_it_goes_on_where_it_was() -> None:
    case = Case()
    case.world.before_call = lambda what: setattr(case.world.server, "away", what == "give")
    paused = case.drive()
    assert paused.status == Status.PAUSED
    assert "does not answer" in paused.reason
    case.world.server.away = False
    case.world.before_call = lambda _: None
    orders.resume(case.store, 1, take_over=False)
    assert case.drive().status == Status.DONE
    assert max(node.changes for node in case.world.nodes.values()) == 1


def test_one_sick_instance_of_a_hundred_does_not_take_all_back() -> None:
    nodes = fleet(100, 0)
    nodes[50].sick = True
    ended = Case(nodes=nodes).drive()
    assert ended.status == Status.DONE
    assert ended.reason == f"missing: {nodes[50].certname}"


def test_two_dead_nodes_of_hundreds_block_nothing_and_get_the_commit_when_they_are_back() -> None:
    nodes = fleet(200, 0)
    for node in (nodes[10], nodes[120]):
        node.up = False
    case = Case(nodes=nodes)
    ended = case.drive()
    assert ended.status == Status.DONE
    assert ended.reason == "missing: p011.test, p121.test"
    for node in (nodes[10], nodes[120]):
        node.up = True
        case.world.agent(node.certname)
    assert case.served == {"2.0"}


def test_dead_node_of_two_pauses_and_a_person_may_go_on_without_it() -> None:
    nodes = fleet(2, 0)
    nodes[1].up = False
    case = Case(nodes=nodes)
    paused = case.drive()
    assert paused.status == Status.PAUSED
    assert "1 of 2 nodes are missing in production, where 0 may be: p002.test" in paused.reason
    orders.promote(case.store, 1)
    ended = case.drive()
    assert (ended.status, ended.reason) == (Status.DONE, "missing: p002.test")


def test_dead_node_that_is_back_is_not_missing_once_the_rollout_is_resumed() -> None:
    nodes = fleet(2, 0)
    nodes[1].up = False
    case = Case(nodes=nodes)
    assert case.drive().status == Status.PAUSED
    nodes[1].up = True
    orders.resume(case.store, 1, take_over=False)
    ended = case.drive()
    assert (ended.status, ended.reason) == (Status.DONE, "")


def test_node_that_restarts_in_its_wave_is_waited_for() -> None:
    nodes = fleet(2, 0)
    case = Case(nodes=nodes)

    def restart(_what: str) -> None:
        nodes[0].up = case.world.time > 1_000_020

    case.world.before_call = restart
    ended = case.drive()
    assert (ended.status, ended.reason) == (Status.DONE, "")


def test_failed_verify_and_failed_check_are_taken_back_and_one_that_failed_before_is_not() -> None:
    case = Case()
    case.world.wrong = {"test_port[app1]": "port: expected 7001"}
    assert case.drive().status == Status.REVERTED
    known = Case()
    known.world.wrong = {"test_port[app1]": "port: expected 7001"}
    known.store.change(lambda all_: (replace(all_[1], wrong_before=["test_port[app1]"]), "known"))
    assert known.drive().status == Status.DONE
    check = Case()
    check.world.own_checks = {"check smoke: orders on s1": Outcome(Fault.RELEASE, "exit status 1")}
    assert check.drive().status == Status.REVERTED


def test_checker_that_fails_itself_pauses() -> None:
    verify = Case()
    verify.world.wrong = {"test_node_says_what_runs_on_it[app1]": "NotKnown: not reached: Connection timed out"}
    assert verify.drive().status == Status.PAUSED
    case = Case()
    case.world.own_checks = {"check smoke: orders on s1": Outcome(Fault.ELSEWHERE, "killed after 60 s")}
    assert case.drive().status == Status.PAUSED


def test_abort_of_a_paused_one_takes_back_everywhere_and_is_not_tried_again() -> None:
    case = Case()
    case.world.own_checks = {}
    case.world.before_call = lambda what: orders.pause(case.store, 1) if what == "verify" else None
    with pytest.raises(LostError):
        case.drive()
    case.world.before_call = lambda _: None
    orders.abort(case.store, 1)
    ended = case.drive()
    assert ended.status == Status.ABORTED
    assert case.served == {"1.0"}
    assert case.world.server.rollouts == {}
    with pytest.raises(FleetError, match="rollout 1 is aborted: it can't be resumed"):
        orders.resume(case.store, 1, take_over=True)


def test_pause_with_a_deadline_ends_by_itself() -> None:
    case = Case(nodes=fleet(3, 0), production=replace(PRODUCTION, pause_deadline=600))
    case.world.rate = 0.0
    ended = case.drive()
    assert ended.status == Status.REVERTED
    assert ended.reason.startswith("nobody ended the pause in time: wave 1/3 p001.test (canary): too few requests")
    assert case.served == {"1.0"}


def test_second_one_on_top_of_a_paused_one_is_refused_and_says_whose() -> None:
    case = Case()
    orders.pause(case.store, 1)
    with pytest.raises(orders.BusyError, match=r"rollout 1 of anna@laptop, since .* \(faster\) is paused in staging"):
        orders.begin(case.store, case.made())


def test_lock_holds_until_the_last_step() -> None:
    case = Case()
    seen = []

    def look(what: str) -> None:
        if what in ("finish", "run_again"):
            with pytest.raises(orders.BusyError):
                orders.begin(case.store, case.made())
            seen.append(what)

    case.world.before_call = look
    assert case.drive().status == Status.DONE
    assert seen == ["finish", "run_again"]
    assert orders.begin(case.store, case.made()).number == 2


def test_node_that_was_removed_in_the_middle_is_not_missed() -> None:
    nodes = fleet(4, 0)
    case = Case(nodes=nodes)
    case.world.before_call = lambda _: case.world.nodes.pop("p003.test", None) and None
    ended = case.drive()
    assert (ended.status, ended.reason) == (Status.DONE, "")
    assert ended.nodes["p003.test"].state == NodeState.GONE


def test_node_that_was_enrolled_in_the_middle_gets_the_old_commit_then_and_the_new_one_at_the_end() -> None:
    case = Case(nodes=fleet(3, 0))
    given = []

    def enrol(what: str) -> None:
        if what == "verify":
            new = case.world.nodes.setdefault("p900.test", SimulatedNode("p900.test", "production"))
            case.world.agent("p900.test")
            given.append(new.commit)

    case.world.before_call = enrol
    assert case.drive().status == Status.DONE
    assert set(given) == {OLD}
    case.world.agent("p900.test")
    assert case.served == {"2.0"}


def test_rollback_puts_all_back_at_once_and_a_second_one_finds_nothing() -> None:
    case = Case()
    case.drive()
    case.world.runs.clear()
    back = orders.begin(case.store, orders.taking_back(orders.last(case.store.read())))
    ended = Controller(back.number, back.epoch, case.world, case.store, case.settings).drive()
    assert ended.status == Status.DONE
    assert case.served == {"1.0"}
    assert case.answers == {OLD}
    assert [len(run) for run in case.world.runs] == [2, 4]
    with pytest.raises(FleetError, match="there is no rollout to take back"):
        orders.last(case.store.read())


def test_one_way_is_not_gone_back_from_by_itself() -> None:
    case = Case(new=Release(fails=1.0), nodes=fleet(3, 0), one_way=True)
    paused = case.drive()
    assert paused.status == Status.PAUSED
    assert case.world.nodes["p001.test"].serves == "2.0"
    with pytest.raises(FleetError, match="can't be gone back from"):
        orders.abort(case.store, 1)
    orders.abort(case.store, 1, one_way=True)
    assert case.drive().status == Status.ABORTED
    assert case.served == {"1.0"}


def test_now_waits_for_nothing_but_checks() -> None:
    case = Case(quick=True)
    case.world.wrong = {"test_port[app1]": "port: expected 7001"}
    assert case.drive().status == Status.REVERTED
    fine = Case(quick=True)
    assert fine.drive().status == Status.DONE
    assert fine.world.time == 1_000_000.0


def test_log_says_why() -> None:
    ended = Case(new=Release(fails=1.0), nodes=fleet(4, 0)).drive()
    lines = [line for _, line in ended.log]
    assert lines[0] == "begun by anna: faster"
    assert any(line.startswith("bad: wave 1/4 p001.test (canary): orders: ") for line in lines)
    assert lines[-1].startswith("reverted: ")


def test_numbers_go_on_where_the_remote_has_lost_its_rollouts() -> None:
    case = Case(begin=False)
    assert orders.begin(case.store, replace(case.made(), number=41)).number == 42
