# @summary What every machine of the fleet has, whatever its role
#
# @param packages
#   Debian packages to have, in whatever version Debian has: tools that a person on the machine counts on.
#
# @example
#   include profile::base
class profile::base (
  Array[String[1]] $packages = [],
) {
  include profile::rollout

  stdlib::ensure_packages($packages)
}
