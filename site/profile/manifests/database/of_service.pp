# @summary The database and the login of one service, both of its name
#
# @param verifier
#   What PostgreSQL verifies the login's password with.
# @param clients
#   Addresses and networks that the login may come from.
#
# @example
#   profile::database::of_service { 'orders':
#     verifier => postgresql::postgresql_password('orders', Sensitive('hush'), true, 'scram-sha-256'),
#     clients  => ['192.0.2.0/28'],
#   }
define profile::database::of_service (
  Sensitive[String[1]] $verifier,
  Array[Stdlib::IP::Address, 1] $clients,
) {
  if $name in ['none', 'postgres', 'public', 'template0', 'template1'] {
    fail("service ${name} can't have a database: PostgreSQL has something of its own of that name")
  }

  postgresql::server::role { $name:
    password_hash => $verifier,
  }
  -> postgresql::server::database { $name:
    owner    => $name,
    encoding => 'UTF8',
    locale   => 'C.UTF-8',
  }
  -> postgresql_psql { "REVOKE ALL ON DATABASE \"${name}\" FROM PUBLIC":
    unless    => "SELECT 1 WHERE NOT has_database_privilege('public', '${name}', 'CONNECT, TEMPORARY')",
    db        => 'postgres',
    psql_user => 'postgres',
  }

  $clients.each |$client| {
    postgresql::server::pg_hba_rule { "${name} from ${client}":
      type        => 'hostssl',
      # Quoted, a name is never one of the words that mean something here, such as `all`.
      database    => "\"${name}\"",
      user        => "\"${name}\"",
      address     => profile::cidr($client),
      auth_method => 'scram-sha-256',
    }
  }
}
