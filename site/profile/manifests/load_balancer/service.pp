# @summary One service at the balancer: its port, and the machines of the same tier that run it
#
# @param port
#   The port that it is reached at.
# @param clients
#   Addresses and networks that may connect to it.
# @param config
#   HAProxy's configuration, which this is a part of.
# @param queue
#   How many requests wait, at most.
# @param uploads
#   How many uploads of one client may be under way at a time.
# @param plain_port
#   A port for plain HTTP besides.
# @param health_path
#   The path that answers 200 on a machine that can serve.
# @param certificate
#   The certificate to speak HTTPS with at its port; without one, it is HTTP.
# @param hsts_seconds
#   For how long browsers use nothing but HTTPS.
# @param hidden_paths
#   Paths that are answered 404, with all below them.
# @param hidden_headers
#   Headers that are taken out of all answers.
# @param tier
#   The tier.
#
# @api private
define profile::load_balancer::service (
  Stdlib::Port $port,
  Array[Stdlib::IP::Address, 1] $clients,
  Stdlib::Absolutepath $config,
  Integer[1] $queue,
  Integer[1] $uploads,
  Optional[Stdlib::Port] $plain_port = undef,
  Optional[Flask_microservice::Http_path] $health_path = undef,
  Optional[Stdlib::Absolutepath] $certificate = undef,
  Optional[Integer[1]] $hsts_seconds = undef,
  Array[Flask_microservice::Http_path] $hidden_paths = [],
  Array[String[1]] $hidden_headers = [],
  String[1] $tier = $trusted['extensions']['pp_environment'],
) {
  concat::fragment { "haproxy: service ${name}":
    target  => $config,
    content => epp('profile/load_balancer/service.cfg.epp', {
        service        => $name,
        port           => $port,
        plain_port     => $plain_port,
        health_path    => $health_path.lest || { '/health/ready' },
        certificate    => $certificate,
        hsts_seconds   => $hsts_seconds,
        hidden_paths   => $hidden_paths,
        hidden_headers => $hidden_headers,
        queue          => $queue,
        uploads        => $uploads,
    }),
    order   => "1 ${name}",
  }
  concat::fragment { "haproxy: uploads to ${name}":
    target  => $config,
    content => epp('profile/load_balancer/uploads.cfg.epp', { 'service' => $name, 'queue' => $queue }),
    order   => "2 ${name}",
  }

  profile::firewall::allow { $name:
    port    => $port,
    clients => $clients,
  }
  if $plain_port {
    profile::firewall::allow { "${name} without TLS":
      port    => $plain_port,
      clients => $clients,
    }
  }

  Profile::Load_balancer::Member <<| service == $name and tier == $tier |>>
}
