# @summary An address or a network, as a network
#
# @param address the address or the network
# @return the network; of a single address, the one that has only it
#
# @example
#   profile::cidr('192.0.2.7')     # 192.0.2.7/32
#   profile::cidr('192.0.2.0/28')  # 192.0.2.0/28
function profile::cidr(Stdlib::IP::Address $address) >> Stdlib::IP::Address {
  $address ? {
    Stdlib::IP::Address::V4::Nosubnet => "${address}/32",
    Stdlib::IP::Address::V6::Nosubnet => "${address}/128",
    default                           => $address,
  }
}
