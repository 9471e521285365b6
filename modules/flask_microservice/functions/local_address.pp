# @summary The address at which a service answers the other services of its node
#
# @param declared the service's declaration
# @return its address; the loopback one of a service that listens on all
#
# @example
#   flask_microservice::local_address({ 'address' => '0.0.0.0', 'port' => 7002 })  # 127.0.0.1
function flask_microservice::local_address(Hash $declared) >> Stdlib::IP::Address::Nosubnet {
  $address = $declared['address'].lest || { flask_microservice::any_address() }
  $address ? {
    '0.0.0.0' => '127.0.0.1',
    '::'      => '::1',
    default   => $address,
  }
}
