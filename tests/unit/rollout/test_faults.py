"""An outage is not taken for a bad release, nor a bad release for an outage."""

import pytest
from fleet_cli.fleet.agents import AgentRun, FailedResource
from fleet_cli.rollout.faults import of
from fleet_cli.rollout.state import NodeChange, ServiceChange
from fleet_cli.rollout.world import Fault

NODE = NodeChange("app1", "app", "production", {"orders": ServiceChange("1", "2")}, ["Package[orders]", "File[/etc/x]"])


def failed(resource: str, message: str) -> AgentRun:
    return AgentRun("app1", "failed", failed=[FailedResource(resource, "", message)])


@pytest.mark.parametrize(
    ("run", "fault"),
    [
        (AgentRun("app1", "changed"), Fault.NONE),
        (AgentRun("app1", "unreachable", errors=["ssh does not reach it: Connection refused"]), Fault.AWAY),
        (AgentRun("app1", "not run", errors=["the agent is disabled on app1: holiday"]), Fault.AWAY),
        (failed("Flask_microservice_release[orders]", "2 is refused: /health/ready answered 503"), Fault.RELEASE),
        (failed("Flask_microservice_release[orders]", "2 is refused: its migration failed"), Fault.RELEASE),
        (failed("Flask_microservice_release[billing]", "never ready"), Fault.ELSEWHERE),
        (failed("Package[orders]", "orders 2 is in no repository; there are: 1"), Fault.RELEASE),
        (failed("Package[orders]", "E: Failed to fetch http://puppet/o.deb  Could not connect"), Fault.ELSEWHERE),
        (failed("Package[orders]", "Unable to fetch some archives"), Fault.ELSEWHERE),
        (failed("File[/etc/x]", "Could not set 'present': No space left on device"), Fault.ELSEWHERE),
        (failed("File[/etc/x]", "validation of /etc/x failed"), Fault.RELEASE),
        (failed("File[/etc/motd]", "Is a directory"), Fault.ELSEWHERE),
        (AgentRun("app1", "failed", errors=["Error: Could not retrieve catalog from remote server: Error 500 on SERVER:"
                                            " Evaluation Error: Unknown variable"]), Fault.RELEASE),
        (AgentRun("app1", "failed", errors=["Error: Could not retrieve catalog from remote server: Error 500 on SERVER:"
                                            " Failed to submit 'replace facts' to PuppetDB"]), Fault.ELSEWHERE),
        (AgentRun("app1", "failed", errors=["Error: Request to https://puppet:8140/puppet-ca/v1 failed after 2 s:"
                                            " Failed to open TCP connection"]), Fault.ELSEWHERE),
    ],
)  # fmt: skip
def test_whose_fault_it_is(run: AgentRun, fault: Fault) -> None:
    assert of(run, NODE, failed_before=False).fault == fault


def test_node_whose_runs_failed_before_for_the_same_kind_of_thing_is_a_node_that_is_missing() -> None:
    assert of(failed("File[/etc/motd]", "Is a directory"), NODE, failed_before=True).fault == Fault.AWAY
    assert of(failed("Flask_microservice_release[orders]", "refused"), NODE, failed_before=True).fault == Fault.RELEASE
