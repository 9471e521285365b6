# @summary Exports the services of this machine to the balancer of its tier
#
# Those that are placed on it, or stay for now, and that other machines can reach at all: see `profile::reachable`.
#
# @param address
#   Where this machine is reached, if not at the address that its facts have.
#
# @example
#   include profile::load_balancer::members
class profile::load_balancer::members (
  Stdlib::IP::Address::Nosubnet $address = profile::address('profile::load_balancer::members::address'),
) {
  include flask_microservice

  profile::members($address).each |$name, $its| {
    @@profile::load_balancer::member { "${name} on ${trusted['certname']}":
      service  => $name,
      tier     => $trusted['extensions']['pp_environment'],
      certname => $trusted['certname'],
      *        => $its,
    }
  }
}
