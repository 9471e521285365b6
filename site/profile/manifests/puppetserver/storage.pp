# @summary Where Puppet Server keeps facts, catalogs and reports: in PuppetDB
#
# @param puppetdb_url
#   Where PuppetDB answers over TLS.
# @param soft_write_failure
#   Whether nodes still get their catalogs while PuppetDB is down; what it then misses comes with their next run. If not, a run
#   fails that PuppetDB misses.
# @param commands_in_background
#   Whether nodes don't wait until PuppetDB has taken what they tell it, either. It is a patch of Puppet Server (docs/patches.md),
#   and goes with `soft_write_failure` only.
#
# @example
#   include profile::puppetserver::storage
#
# @see https://www.puppet.com/docs/puppetdb/8/connect_puppet_server.html
class profile::puppetserver::storage (
  Stdlib::HTTPSUrl $puppetdb_url = "https://${trusted['certname']}:8081",
  Boolean $soft_write_failure = true,
  Boolean $commands_in_background = $soft_write_failure,
) {
  if $commands_in_background and !$soft_write_failure {
    $mend = 'set commands_in_background to false, or soft_write_failure to true'
    fail("profile::puppetserver::storage: what is handed over in the background fails no run: ${mend}")
  }
  $terminus = $commands_in_background ? {
    true    => 'puppetdb_in_background',
    default => 'puppetdb',
  }

  package { 'puppet-terminus-puppetdb':
    ensure => installed,
  }

  file {
    default:
      ensure => file,
      owner  => 'root',
      group  => 'root',
      mode   => '0644',
    ;
    '/etc/puppet/puppetdb.conf':
      content => epp('profile/puppetserver/puppetdb.conf.epp', {
          url                => $puppetdb_url,
          soft_write_failure => $soft_write_failure,
      }),
    ;
    '/etc/puppet/routes.yaml':
      content => epp('profile/puppetserver/routes.yaml.epp', { terminus => $terminus }),
      require => File['/usr/local/lib/puppetserver', '/usr/local/lib/puppetserver/puppet_patches'],
    ;
    # Ruby code that the server finds beside Puppet's own.
    '/usr/local/lib/puppetserver':
      ensure  => directory,
      source  => 'puppet:///modules/profile/puppetserver/ruby',
      recurse => true,
      purge   => true,
      force   => true,
    ;
    '/usr/local/lib/puppetserver/puppet_patches':
      ensure  => directory,
      source  => 'puppet:///modules/profile/puppet_patches',
      recurse => true,
      purge   => true,
      force   => true,
    ;
  }
}
