# @summary PuppetDB on a local PostgreSQL: the fleet's reports, facts and catalogs
#
# It speaks TLS only, with those whose certificates it is told of: they may query, and command. Others may be let query alone
# (`profile::puppetdb::queries`). People query by fleet-query.
#
# @param certname
#   The name in the machine's certificate, which PuppetDB uses as its own.
# @param heap
#   The most memory that the JVM's heap may take, in the JVM's own notation.
# @param java_args
#   More arguments of the JVM.
# @param report_ttl
#   For how long reports are kept.
# @param node_ttl
#   After how long without a sign of life a node counts as gone.
# @param allowed_certnames
#   Who may query and command it: machines with these names in their certificates. PuppetDB can't allow the one without the other;
#   `profile::puppetdb::queries::certnames` are those who may query only.
#
# @example
#   include profile::puppetdb
#
# @see https://www.puppet.com/docs/puppetdb/8/configure.html
class profile::puppetdb (
  Stdlib::Fqdn $certname = $trusted['certname'],
  Pattern[/\A[1-9]\d*[mg]\z/] $heap = '256m',
  Array[Pattern[/\A-\S+\z/]] $java_args = [],
  Pattern[/\A\d+[dhms]\z/] $report_ttl = '14d',
  Pattern[/\A\d+[dhms]\z/] $node_ttl = '7d',
  Array[Stdlib::Fqdn, 1] $allowed_certnames = [$certname],
) {
  profile::hardened_unit { 'puppetdb':
    writable   => ['/var/lib/puppetdb', '/var/log/puppetdb'],
    makes_code => true,
  }

  # With dbconfig-no-thanks Debian's package leaves the database to us.
  -> package { 'dbconfig-no-thanks':
    ensure => installed,
  }
  -> package { 'puppetdb':
    ensure => installed,
  }

  contain profile::puppetdb::database
  contain profile::puppetdb::certificate
  contain profile::puppetdb::queries

  file {
    default:
      ensure => file,
      owner  => 'root',
      group  => 'puppetdb',
      mode   => '0640',
    ;
    '/etc/default/puppetdb':
      content => epp('profile/puppetdb/default.epp', { heap => $heap, java_args => $java_args }),
    ;
    '/etc/puppetdb/conf.d/config.ini':
      source => 'puppet:///modules/profile/puppetdb/config.ini',
    ;
    '/etc/puppetdb/conf.d/jetty.ini':
      source => 'puppet:///modules/profile/puppetdb/jetty.ini',
    ;
    '/etc/puppetdb/conf.d/database.ini':
      content => epp('profile/puppetdb/database.ini.epp', { report_ttl => $report_ttl, node_ttl => $node_ttl }),
    ;
    '/etc/puppetdb/certificate-allowlist':
      content => epp('profile/puppetdb/certificate-allowlist.epp', { certnames => $allowed_certnames }),
    ;
  }

  file {
    default:
      owner => 'root',
      group => 'root',
    ;
    '/etc/systemd/system/puppetdb.service.d/random.conf':
      ensure  => file,
      mode    => '0644',
      source  => 'puppet:///modules/profile/puppetdb/random.conf',
      require => Profile::Hardened_unit['puppetdb'],
      notify  => Service['puppetdb'],
    ;
  }

  service { 'puppetdb':
    ensure => running,
    enable => true,
    # A start takes most of a minute, of one core: nothing else of the catalog waits for it.
    start  => 'systemctl start --no-block puppetdb',
  }

  Package['puppetdb']
  -> File[
    '/etc/default/puppetdb',
    '/etc/puppetdb/conf.d/config.ini',
    '/etc/puppetdb/conf.d/jetty.ini',
    '/etc/puppetdb/conf.d/database.ini',
    '/etc/puppetdb/certificate-allowlist',
  ]
  ~> Service['puppetdb']

  Package['puppetdb'] -> Class['profile::puppetdb::database'] ~> Service['puppetdb']
  Package['puppetdb'] -> Class['profile::puppetdb::certificate'] ~> Service['puppetdb']
}
