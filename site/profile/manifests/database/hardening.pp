# @summary PostgreSQL's unit may do no more than it does
#
# The cluster's own account starts it: nothing of it is root's.
#
# @example
#   include profile::database::hardening
class profile::database::hardening {
  profile::hardened_unit { 'postgresql@':
    account    => 'postgres',
    writable   => ['/var/lib/postgresql', '/var/log/postgresql', '/run/postgresql'],
    makes_code => true,
    before     => Class['postgresql::server::install'],
  }
}
