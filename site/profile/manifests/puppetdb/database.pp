# @summary PuppetDB's database in the local PostgreSQL
#
# The password of its user is made on the machine and is known to PostgreSQL and to PuppetDB only: it is in no catalog.
#
# @example
#   include profile::puppetdb::database
class profile::puppetdb::database {
  $set_password = '/usr/local/sbin/set-puppetdb-password'

  contain postgresql::server
  include profile::database::hardening

  postgresql::server::role { 'puppetdb': }
  -> postgresql::server::database { 'puppetdb':
    owner    => 'puppetdb',
    encoding => 'UTF8',
    locale   => 'C.UTF-8',
    # template1 has the encoding of the locale that PostgreSQL was installed in.
    template => 'template0',
  }
  -> postgresql::server::extension { 'pg_trgm of puppetdb':
    extension => 'pg_trgm',
    database  => 'puppetdb',
  }

  file { $set_password:
    ensure => file,
    owner  => 'root',
    group  => 'root',
    mode   => '0755',
    source => 'puppet:///modules/profile/puppetdb/set-puppetdb-password',
  }
  -> exec { $set_password:
    creates => '/etc/puppetdb/conf.d/password.ini',
    require => Postgresql::Server::Role['puppetdb'],
  }
}
