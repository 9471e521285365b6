# @summary Where other machines reach this one, as its facts say: its IPv4 address, or an IPv6 one where it has none
#
# Facter's `networking.ip6` is not there where all addresses of a machine are unique local ones (fc00::/7): then it is the first
# such address of an interface.
#
# @param key
#   The key of Hiera that says it where the facts don't.
# @return the address
#
# @example
#   profile::address('profile::database::address')  # 192.0.2.41, or 2001:db8::41
function profile::address(String[1] $key) >> Stdlib::IP::Address::Nosubnet {
  $networking = $facts['networking']
  $of_interfaces = $networking['interfaces'].lest || { {} }.map |$_, $its| { $its['ip6'] }
  # Not those that mean something on one machine, or on one link, alone.
  $found = ([$networking['ip'], $networking['ip6']] + $of_interfaces).filter |$_, $address| {
    $address =~ Stdlib::IP::Address::Nosubnet and $address !~ Pattern[/\A127\./, /\A169\.254\./, /\A::1\z/, /\Afe[89ab]/]
  }
  $found[0].lest || {
    fail("the facts of ${trusted['certname']} have no address at which others reach it: say in Hiera, as ${key}, which one it is")
  }
}
