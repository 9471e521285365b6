# @summary The microservices that Hiera declares, from the fleet's own apt repository
#
# The balancers that it names (`flask_microservice::balancers`) may connect to the services, and so may others.
#
# @param clients
#   Addresses and networks that may connect to the services besides balancers. Hiera collects them from all layers.
#
# @example
#   include profile::microservices
class profile::microservices (
  Array[Stdlib::IP::Address] $clients = [],
) {
  include profile::firewall
  contain profile::puppet_ca
  contain profile::fleet_repository
  contain flask_microservice

  # Before Debian's, should that have one of the name.
  $packages = ($flask_microservice::placed + $flask_microservice::staying).map |$name, $its| { $its['package'].lest || { $name } }
  file { '/etc/apt/preferences.d/fleet-services':
    ensure  => $packages.empty ? {
      true    => absent,
      default => file,
    },
    owner   => 'root',
    group   => 'root',
    mode    => '0644',
    content => @("PREFERENCES"),
      # Written by Puppet (profile::microservices).
      Package: ${packages.unique.sort.join(' ')}
      Pin: release o=fleet
      Pin-Priority: 900
      | PREFERENCES
    before  => Class['flask_microservice'],
  }

  Class['profile::puppet_ca'] -> Class['flask_microservice']
  Class['profile::fleet_repository'] -> Class['flask_microservice']

  # What stays for now is still reached: at its port of before, where PuppetDB knows it.
  $members = profile::members(flask_microservice::any_address())
  $let_in = $clients + $flask_microservice::balancers
  # In an order that is the same while one of them stays.
  $rules = $members.keys.sort.map |$_, $name| { profile::firewall_rules($name, $members[$name]['port'], $let_in) }
  concat::fragment { 'firewall: microservices':
    target  => $profile::firewall::config,
    content => $rules.join,
    order   => '1 microservices',
  }

  # While it drains, balancers reach it: its port is closed after that.
  $flask_microservice::removed.each |$_, $name| {
    Flask_microservice::Service[$name] -> Concat[$profile::firewall::config]
  }
}
