# @summary The address that stands for all of this machine's: `0.0.0.0`, or `::` where it has no IPv4 address
#
# @return what a service listens on that is not told otherwise
#
# @see Facter's fact networking
#
# @api private
function flask_microservice::any_address() >> Enum['0.0.0.0', '::'] {
  $facts.dig('networking', 'ip') ? {
    undef   => '::',
    default => '0.0.0.0',
  }
}
