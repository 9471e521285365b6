# @summary What Hiera says of a unit that is hardened
#
# `ensure: absent` leaves it as Debian made it; `writable` is what it writes besides.
type Profile::Unit_hardening = Struct[{
    Optional['ensure']   => Enum['present', 'absent'],
    Optional['writable'] => Array[Stdlib::Absolutepath],
}]
