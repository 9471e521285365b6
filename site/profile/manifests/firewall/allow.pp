# @summary Lets clients in at one port of this machine
#
# @param port
#   The port.
# @param clients
#   Addresses and networks that may connect to it.
# @param protocol
#   Its protocol.
#
# @example
#   profile::firewall::allow { 'postgresql':
#     port    => 5432,
#     clients => ['192.0.2.0/28'],
#   }
define profile::firewall::allow (
  Stdlib::Port $port,
  Array[Stdlib::IP::Address] $clients,
  Enum['tcp', 'udp'] $protocol = 'tcp',
) {
  include profile::firewall

  concat::fragment { "firewall: ${name}":
    target  => $profile::firewall::config,
    content => profile::firewall_rules($name, $port, $clients, $protocol),
    order   => "1 ${name}",
  }
}
