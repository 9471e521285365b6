# @summary The name of a unit's directive that a service may set
#
# Not those on which the switch of releases relies: with another value requests would be lost, or the release that serves
# would not be the one that is checked. For environment, limits and peers there are parameters.
type Flask_microservice::Directive = Pattern[
  /\A(?!(Type|NotifyAccess|Sockets|NonBlocking|ExecStart|ExecStartPre|Restart|User|Group|PartOf|Requires|StartLimitIntervalSec|StartLimitInterval|Environment)\z)[A-Z][A-Za-z0-9]+\z/ # lint:ignore:140chars
]
