# @summary The name of a person's account on the fleet's machines
#
# As useradd(8) takes it, and one that reads as one word everywhere: in sudoers, in the name of a file, in the journal. Names
# that begin with `fleet-` or `systemd-` are taken. What accounts of the system and of services have, `profile::operator_problems`
# refuses.
type Profile::Operator_name = Pattern[/\A(?!fleet-|systemd-)[a-z][a-z0-9_-]{0,30}[a-z0-9]\z/]
