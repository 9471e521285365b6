# @summary The rules of nftables that let clients in at one port
#
# @param name what the rules say they are for
# @param port the port
# @param clients addresses and networks that may connect to it
# @param protocol its protocol
# @return one line a client; none if there are no clients
#
# @example
#   profile::firewall_rules('orders', 7001, ['192.0.2.7'])
#   # ip saddr 192.0.2.7 tcp dport 7001 accept comment "orders"
function profile::firewall_rules(
  String[1] $name,
  Stdlib::Port $port,
  Array[Stdlib::IP::Address] $clients,
  Enum['tcp', 'udp'] $protocol = 'tcp',
) >> String {
  $clients.unique.map |$_, $client| {
    $family = $client ? {
      Stdlib::IP::Address::V6 => 'ip6',
      default                 => 'ip',
    }
    "        ${family} saddr ${client} ${protocol} dport ${port} accept comment \"${name}\"\n"
  }.join
}
