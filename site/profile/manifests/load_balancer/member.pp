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
# @param threads
#   How many requests it serves at a time. A machine whose last run was of an older commit does not say.
#
# @example
#   @@profile::load_balancer::member { 'orders on app1.example.com':
#     service  => 'orders',
#     tier     => 'production',
#     certname => 'app1.example.com',
#     address  => '192.0.2.31',
#     port     => 7001,
#     threads  => 16,
#   }
define profile::load_balancer::member (
  Flask_microservice::Name $service,
  String[1] $tier,
  Stdlib::Fqdn $certname,
  Stdlib::IP::Address::Nosubnet $address,
  Stdlib::Port $port,
  Optional[Integer[1]] $threads = undef,
) {
  $host = $address ? {
    Stdlib::IP::Address::V6::Nosubnet => "[${address}]",
    default                           => $address,
  }
  # A quarter of the threads is for uploads, so that these never have all of them.
  [$limit, $limit_of_uploads] = $threads ? {
    undef   => ['', ''],
    default => [" maxconn ${threads}", " maxconn ${max(1, $threads / 4)}"],
  }
  concat::fragment { "haproxy: ${name}":
    target  => $profile::load_balancer::config,
    content => "    server ${certname} ${host}:${port}${limit}\n",
    order   => "1 ${service} ${certname}",
  }
  concat::fragment { "haproxy: uploads to ${name}":
    target  => $profile::load_balancer::config,
    content => "    server ${certname} ${host}:${port}${limit_of_uploads} no-check track ${service}/${certname}\n",
    order   => "2 ${service} ${certname}",
  }
}
