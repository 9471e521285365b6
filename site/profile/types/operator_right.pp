# @summary What a person may do: look, run the agent, publish packages, deploy
#
# Each is a group on the machines, `fleet-read` and so on. `run`, `publish` and `deploy` include `read`; `deploy` equals root.
type Profile::Operator_right = Enum['read', 'run', 'publish', 'deploy']
