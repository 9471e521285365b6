# @summary Exports the services of this machine to the balancer of its tier
#
# A service that listens on a loopback address is nobody else's to reach, and is left out.
#
# @param address
#   Where this machine is reached.
#
# @example
#   include profile::load_balancer::members
class profile::load_balancer::members (
  Stdlib::IP::Address::Nosubnet $address = $facts['networking']['ip'],
) {
  include flask_microservice

  $flask_microservice::services.each |$name, $declared| {
    $given = $declared['address'].lest || { '0.0.0.0' }
    $listens = $given in ['0.0.0.0', '::'] ? { true => $address, default => $given }
    if $declared['ensure'] != 'absent' and $declared['port'] and !($listens =~ /\A(127\.|::1\z)/) {
      @@profile::load_balancer::member { "${name} on ${trusted['certname']}":
        service  => $name,
        tier     => $trusted['extensions']['pp_environment'],
        certname => $trusted['certname'],
        address  => $listens,
        port     => $declared['port'],
      }
    }
  }
}
