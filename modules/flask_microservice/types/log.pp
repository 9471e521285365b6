# @summary How a service logs, and how long its log is kept
#
# level: the least that a service made from the template logs; keep: how many old logs (14); max_size: bytes (100M), with a
# suffix k, M or G, at which it is rotated before the day is over (looked at every hour); max_age: days after which old logs
# are removed.
#
# @see logrotate(8)
type Flask_microservice::Log = Struct[{
    Optional[level]    => Enum['debug', 'info', 'warning', 'error', 'critical'],
    Optional[keep]     => Integer[0, 10000],
    Optional[max_size] => Pattern[/\A[1-9][0-9]{0,8}[kMG]?\z/],
    Optional[max_age]  => Integer[1, 10000],
}]
