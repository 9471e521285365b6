# @summary Puppet Server with its certificate authority, policy autosigning, hiera-eyaml and storage in PuppetDB
#
# @param clients
#   Addresses and networks of the machines that it serves.
# @param heap
#   The most memory that the JVM's heap may take, in the JVM's own notation.
# @param jruby_instances
#   How many catalogs can be compiled at the same time. Each instance takes about 200 MB of the heap.
# @param jruby_compile_mode
#   Whether Ruby code that is run often is compiled. Without (`off`) the server starts with less work, and stays slower.
# @param java_args
#   More arguments of the JVM. By default it collects its garbage on one processor, which suits a heap of up to a few gigabytes,
#   and has room for the code that JRuby makes: a full collection when that fills up holds up all runs for most of a second.
# @param file_mounts
#   Directories that every node may read from Puppet's file server, by the name of the mount: `puppet:///NAME/FILE`.
#
# @example
#   include profile::puppetserver
#
# @see https://www.puppet.com/docs/puppet/8/server/configuration.html
class profile::puppetserver (
  Array[Stdlib::IP::Address, 1] $clients,
  Pattern[/\A[1-9]\d*[mg]\z/] $heap = '1g',
  Integer[1] $jruby_instances = 2,
  Enum['jit', 'off'] $jruby_compile_mode = 'jit',
  Array[Pattern[/\A-\S+\z/]] $java_args = ['-XX:+UseSerialGC', '-XX:MetaspaceSize=256m', '-XX:ReservedCodeCacheSize=512m'],
  Hash[Pattern[/\A[a-z]\w*\z/], Stdlib::Absolutepath] $file_mounts = {},
) {
  # The last one is what nodes were told: see profile::r10k.
  profile::hardened_unit { 'puppetserver':
    writable   => [
      '/etc/puppet/puppetserver/ca', '/var/lib/puppet', '/var/lib/puppetserver', '/var/cache/puppet', '/var/log/puppetserver',
      '/var/lib/puppet-deploys/given',
    ],
    makes_code => true,
  }
  -> package { 'puppetserver':
    ensure => installed,
  }

  contain profile::puppetserver::settings
  contain profile::puppetserver::authority
  contain profile::puppetserver::enrolment
  contain profile::puppetserver::eyaml
  contain profile::puppetserver::storage

  file {
    default:
      ensure => file,
      owner  => 'root',
      group  => 'root',
      mode   => '0644',
    ;
    '/etc/default/puppetserver':
      content => epp('profile/puppetserver/default.epp', { heap => $heap, java_args => $java_args }),
    ;
    '/etc/puppet/puppetserver/conf.d/puppetserver.conf':
      content => epp('profile/puppetserver/puppetserver.conf.epp', {
          instances    => $jruby_instances,
          compile_mode => $jruby_compile_mode,
      }),
    ;
    '/etc/puppet/puppetserver/conf.d/auth.conf':
      content => epp('profile/puppetserver/auth.conf.epp', { admin => $profile::puppetserver::settings::certname }),
    ;
    '/etc/puppet/fileserver.conf':
      content => epp('profile/puppetserver/fileserver.conf.epp', { mounts => $file_mounts }),
    ;
  }

  profile::firewall::allow { 'puppetserver':
    port    => 8140,
    clients => $clients,
  }

  service { 'puppetserver':
    ensure => running,
    enable => true,
    # A start takes most of a minute, of one core: nothing else of the catalog waits for it.
    start  => 'systemctl start --no-block puppetserver',
  }

  Package['puppetserver']
  -> Class['profile::puppetserver::settings']
  -> Class['profile::puppetserver::authority']
  -> Service['puppetserver']

  Package['puppetserver'] -> Class['profile::puppetserver::enrolment'] -> Service['puppetserver']
  Package['puppetserver'] -> Class['profile::puppetserver::eyaml'] -> Service['puppetserver']
  # Keys are read whenever something is decrypted, gems once.
  Exec['link hiera-eyaml for JRuby'] ~> Service['puppetserver']
  Package['puppetserver'] -> Class['profile::puppetserver::storage'] ~> Service['puppetserver']
  Package['puppetserver'] -> File['/etc/puppet/fileserver.conf']
  # A server that starts finds what its routes name.
  File['/etc/puppet/puppetserver/conf.d/puppetserver.conf'] -> File['/etc/puppet/routes.yaml']

  Class['profile::puppetserver::settings'] ~> Service['puppetserver']
  Package['puppetserver']
  -> File[
    '/etc/default/puppetserver',
    '/etc/puppet/puppetserver/conf.d/puppetserver.conf',
    '/etc/puppet/puppetserver/conf.d/auth.conf',
  ]
  ~> Service['puppetserver']
}
