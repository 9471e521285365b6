# @summary One machine that runs a service, as it exports itself to the balancer of its tier
#
# @param service
#   The service.
# @param tier
#   The tier of the machine.
# @param certname
#   The name in the machine's certificate.
# @param address
#   Where the service is reached there.
# @param port
#   Its port.
#
# @example
#   @@profile::load_balancer::member { 'orders on app1.example.com':
#     service  => 'orders',
#     tier     => 'production',
#     certname => 'app1.example.com',
#     address  => '192.0.2.31',
#     port     => 7001,
#   }
define profile::load_balancer::member (
  Flask_microservice::Name $service,
  String[1] $tier,
  Stdlib::Fqdn $certname,
  Stdlib::IP::Address::Nosubnet $address,
  Stdlib::Port $port,
) {
  $host = $address ? {
    Stdlib::IP::Address::V6::Nosubnet => "[${address}]",
    default                           => $address,
  }
  concat::fragment { "haproxy: ${name}":
    target  => $profile::load_balancer::config,
    content => "    server ${certname} ${host}:${port}\n",
    order   => "1 ${service} ${certname}",
  }
}
