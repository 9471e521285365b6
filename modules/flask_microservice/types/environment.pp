# @summary Environment variables of a service: name => value, one line each
#
# Everyone on the machine can read a unit, so no secret belongs here: `secrets` are for those, and `secret_environment`. Without
# control characters but the tab, and without `"` and backslash, which mean something to systemd in a quoted value
# (systemd.exec(5), Environment=).
type Flask_microservice::Environment = Hash[Flask_microservice::Variable, Pattern[/\A[^\x00-\x08\x0a-\x1f\x7f"\\]*\z/]]
