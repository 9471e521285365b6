# @summary PostgreSQL for the services of this machine's tier: a database and a login for each that declares one
#
# Which services those are, the passwords and the port come from the same Hiera as on the machines that run them. It
# listens on one address and takes TLS only; every login is let into its own database, from the declared networks, and
# into no other. The superuser comes in on the machine itself. A database whose service is no longer declared stays, and
# nobody is let in.
#
# @param clients
#   Addresses and networks of the machines that run the services.
# @param address
#   The address to listen on.
# @param max_connections
#   How many connections there can be at a time. Each thread of each worker may have one, on every node, and twice as many
#   while a new release is tried beside the old. A change restarts PostgreSQL.
# @param certname
#   The name in the machine's certificate, which PostgreSQL uses as its own.
#
# @example Hiera of a tier
#   profile::database::clients: [192.0.2.0/28]
#
# @see https://www.postgresql.org/docs/17/auth-pg-hba-conf.html
class profile::database (
  Array[Stdlib::IP::Address, 1] $clients,
  Stdlib::IP::Address::Nosubnet $address = profile::address('profile::database::address'),
  Integer[10] $max_connections = 200,
  Stdlib::Fqdn $certname = $trusted['certname'],
) {
  $services = profile::services_of_tier().filter |$_, $its| { $its['database'] == 'postgresql' and $its['ensure'] != 'absent' }.keys
  $secrets = lookup('flask_microservice::secrets', Sensitive[Hash])
  $malformed = flask_microservice::malformed_secrets($secrets)
  unless $malformed.empty {
    fail("profile::database can't make logins of the declared secrets: ${malformed.join('; ')}")
  }
  $server = lookup('flask_microservice::database', Flask_microservice::Database_server)

  class { 'postgresql::server':
    listen_addresses     => $address,
    port                 => $server['port'].lest || { 5432 },
    pg_hba_conf_defaults => false,
  }
  contain postgresql::server
  include profile::database::hardening
  contain profile::database::tls

  postgresql::server::config_entry { 'max_connections':
    value => $max_connections,
  }

  file { '/etc/systemd/system/postgresql@.service.d/network-online.conf':
    ensure  => file,
    owner   => 'root',
    group   => 'root',
    mode    => '0644',
    source  => 'puppet:///modules/profile/database/network-online.conf',
    require => Profile::Hardened_unit['postgresql@'],
  }

  profile::firewall::allow { 'postgresql':
    port    => $postgresql::server::port,
    clients => $clients,
  }

  postgresql::server::pg_hba_rule { 'the superuser, on the machine itself':
    type        => 'local',
    database    => 'all',
    user        => 'postgres',
    auth_method => 'peer',
    order       => 1,
  }

  $services.each |$service| {
    profile::database::of_service { $service:
      verifier => profile::password_verifier($service, $secrets),
      clients  => $clients,
    }
  }
}
