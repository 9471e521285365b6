# @summary HAProxy in front of the services of this machine's tier
#
# Each service of the tier has one port here, the same as on the machines that run it. Which machines those are comes from
# PuppetDB: each exports itself (profile::load_balancer::members). A machine is asked for its health every second and gets no
# new request after two answers other than 200; a request that it did not take goes to another one.
#
# A machine gets as many requests at a time as its service has threads. Others wait here, and are answered 503 with
# `Retry-After` if none was free in time, or too many wait already.
#
# @param clients
#   Addresses and networks that may connect to the services' ports.
# @param tls
#   Whether the services' ports speak HTTPS. If not, they speak HTTP.
# @param plain_ports
#   A further port for plain HTTP, for clients that can't speak TLS: service => port.
# @param certificate
#   The certificate, and what signed it up to the root: a file on this machine.
# @param private_key
#   Its key: a file on this machine.
# @param pem
#   Instead of these two files: the certificate, what signed it, and its key, in this order. Encrypt it in Hiera.
# @param hsts_seconds
#   For how long a browser that was here uses nothing but HTTPS with this machine's name, at all its ports (HSTS). Refused where
#   there are ports without TLS.
# @param hidden_paths
#   Paths that are not reached through here: the answer is 404, for what is below them as well.
# @param public_paths
#   Those of the hidden paths that a service shows nevertheless: service => paths.
# @param hidden_headers
#   Headers that are taken out of all answers.
# @param queue
#   How many requests to one service wait, at most, while all its machines are busy.
# @param queue_seconds
#   For how long each of them waits, at most.
# @param uploads
#   How many requests of one client (an IPv4 address, or an IPv6 network of 64 bits) may be under way at a time whose bodies
#   are longer than what HAProxy keeps of one, 16 KB less the headers; further ones are answered 429. Such a request keeps a
#   thread until its client has sent it: all of them together get a quarter of the threads of each machine. A shorter body has
#   ten seconds to arrive.
# @param except
#   Services of the tier that are not to be reached through here. Where `flask_microservice::gateways` has this machine, say it
#   there (`only`, `except`, `internal`): the nodes have to know it as well.
# @param nodes
#   Addresses and networks of the tier's nodes, whose services reach each other through here. They may connect to the services'
#   ports, too, and nobody else to those of `internal` services.
#
# @example Hiera, with a certificate of one's own
#   profile::load_balancer::certificate: /etc/ssl/certs/www.example.com.pem
#   profile::load_balancer::private_key: /etc/ssl/private/www.example.com.key
#   profile::load_balancer::plain_ports: {orders: 8001}
#   profile::load_balancer::public_paths: {orders: [/openapi.json]}
#
# @see https://docs.haproxy.org/3.0/configuration.html
# @see https://wiki.mozilla.org/Security/Server_Side_TLS
class profile::load_balancer (
  Array[Stdlib::IP::Address, 1] $clients,
  Boolean $tls = true,
  Hash[Flask_microservice::Name, Stdlib::Port] $plain_ports = {},
  Stdlib::Absolutepath $certificate = "/var/lib/puppet/ssl/certs/${trusted['certname']}.pem",
  Stdlib::Absolutepath $private_key = "/var/lib/puppet/ssl/private_keys/${trusted['certname']}.pem",
  Optional[Sensitive[String[1]]] $pem = undef,
  Optional[Integer[1]] $hsts_seconds = undef,
  Array[Flask_microservice::Http_path] $hidden_paths = ['/metrics', '/openapi.json'],
  Hash[Flask_microservice::Name, Array[Flask_microservice::Http_path]] $public_paths = {},
  Array[Pattern[/\A[A-Za-z0-9-]+\z/]] $hidden_headers = ['Server'],
  Integer[1] $queue = 500,
  Integer[1] $queue_seconds = 10,
  Integer[1] $uploads = 8,
  Array[Flask_microservice::Name] $except = [],
  Array[Stdlib::IP::Address] $nodes = [],
) {
  $config = '/etc/haproxy/haproxy.cfg'
  $served = '/etc/haproxy/fleet.pem'
  $check = '/etc/haproxy/certificate-check.cfg'

  # With socat, root asks HAProxy: echo 'show stat' | socat - /run/haproxy/root.sock
  # Root of it opens ports and asks its processes to end; those are its account's.
  profile::hardened_unit { 'haproxy':
    writable     => ['/run', '/var/lib/haproxy'],
    capabilities => [
      'CAP_CHOWN', 'CAP_DAC_OVERRIDE', 'CAP_KILL', 'CAP_NET_BIND_SERVICE', 'CAP_SETGID', 'CAP_SETUID', 'CAP_SYS_CHROOT',
    ],
    system_calls => ['chroot'],
    makes_code   => true,
  }
  -> package { ['haproxy', 'socat']:
    ensure => installed,
  }

  file { $check:
    ensure  => file,
    owner   => 'root',
    group   => 'root',
    mode    => '0644',
    content => file('profile/load_balancer/certificate-check.cfg'),
    require => Package['haproxy'],
  }

  # Certificate and key are one file, so that one is never there with the other's predecessor.
  $secret = {
    owner        => 'root',
    group        => 'root',
    mode         => '0600',
    show_diff    => false,
    backup       => false,
    # A pair that does not match, or that is damaged, is never put in place: HAProxy would not start again with it.
    validate_cmd => "/usr/bin/env FLEET_CERTIFICATE=% /usr/sbin/haproxy -c -f ${check}",
    require      => File[$check],
    before       => [Concat[$config], File["${served}.key"]],
    notify       => Service['haproxy'],
  }
  if $pem {
    file { $served:
      ensure  => file,
      content => $pem,
      *       => $secret,
    }
  } else {
    concat { $served:
      ensure_newline => true,
      *              => $secret,
    }
    concat::fragment {
      default:
        target => $served,
      ;
      'haproxy: certificate':
        source => $certificate,
        order  => '0',
      ;
      'haproxy: private key':
        source => $private_key,
        order  => '1',
      ;
    }
  }
  # Where the key was before.
  file { "${served}.key":
    ensure => absent,
    backup => false,
  }

  concat { $config:
    owner        => 'root',
    group        => 'root',
    mode         => '0644',
    # What HAProxy would refuse is never put in place.
    validate_cmd => '/usr/sbin/haproxy -c -q -f %',
    require      => Package['haproxy'],
    notify       => Service['haproxy'],
  }
  concat::fragment { 'haproxy: what holds for all services':
    target  => $config,
    content => epp('profile/load_balancer/haproxy.cfg.epp', { 'queue_seconds' => $queue_seconds }),
    order   => '0',
  }

  $served_with = $tls ? { true => $served, default => undef }
  $gateways = lookup('flask_microservice::gateways', { 'value_type' => Flask_microservice::Gateways, 'default_value' => {} })
  $gateway = $gateways[$trusted['certname']].lest || { {} }
  $internal = $gateway['internal'].lest || { [] }
  $reachable = profile::reachable(profile::services_of_tier()) - $except
  $balanced = $reachable.filter |$name, $_| { flask_microservice::balanced_by($gateway, $name) }
  $problems = [
    profile::balancer_problems($balanced, $plain_ports),
    profile::balancer_exposure_problems($balanced.keys, $plain_ports, $tls, $hsts_seconds, $hidden_paths, $public_paths),
    profile::gateway_problems($gateway, $tls, $except, $nodes),
  ].flatten
  unless $problems.empty {
    fail("profile::load_balancer can't balance the declared services: ${problems.join('; ')}")
  }

  $balanced.each |$name, $its| {
    profile::load_balancer::service { $name:
      port           => $its['port'],
      plain_port     => $plain_ports[$name],
      health_path    => $its['health_path'],
      certificate    => $served_with,
      hsts_seconds   => $hsts_seconds,
      hidden_paths   => $hidden_paths - $public_paths[$name].lest || { [] },
      hidden_headers => $hidden_headers,
      clients        => ($name in $internal) ? { true => $nodes, default => ($clients + $nodes).unique },
      config         => $config,
      queue          => $queue,
      uploads        => $uploads,
    }
  }

  service { 'haproxy':
    ensure  => running,
    enable  => true,
    restart => 'systemctl reload haproxy',
  }
}
