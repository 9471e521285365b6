# @summary Environment variables of a service: name => value, one line each
#
# Everyone on the machine can read a unit, so no secret belongs here: `secrets` are for those. Without `"` and backslash,
# which mean something to systemd in a quoted value (systemd.exec(5), Environment=).
type Flask_microservice::Environment = Hash[Pattern[/\A[A-Za-z_][A-Za-z0-9_]*\z/], Pattern[/\A[^\r\n"\\]*\z/]]
