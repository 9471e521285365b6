# @summary The keys of Hiera's encrypted values, made on this machine, and hiera-eyaml where Puppet Server finds it
#
# Each tier has a pair of its own: what is encrypted for one arrives on its nodes alone. The fleet has one for what all tiers share.
# A pair is never removed.
#
# @param tiers
#   The tiers that have a pair. Those of others have the fleet's alone.
#
# @example Hiera
#   profile::puppetserver::eyaml::tiers: [production, staging]
#
# @see https://github.com/voxpupuli/hiera-eyaml
class profile::puppetserver::eyaml (
  Array[Pattern[/\A[a-z][a-z0-9_]*\z/]] $tiers = [],
) {
  $directory = '/etc/puppet/eyaml'
  $link_gems = '/usr/local/sbin/link-jruby-gems'

  package { 'hiera-eyaml':
    ensure => installed,
  }
  stdlib::ensure_packages(['openssl'])

  profile::puppetserver::eyaml_pair { $directory:
    subject => '/CN=hiera-eyaml',
  }
  -> file { "${directory}/tiers":
    ensure => directory,
    owner  => 'puppet',
    group  => 'puppet',
    mode   => '0555',
  }
  $tiers.each |$_, $tier| {
    profile::puppetserver::eyaml_pair { "${directory}/tiers/${tier}":
      subject => "/OU=${tier}/CN=hiera-eyaml",
      require => File["${directory}/tiers"],
    }
  }

  # Debian installs gems for Ruby only: the server's JRuby looks elsewhere.
  file { $link_gems:
    ensure => file,
    owner  => 'root',
    group  => 'root',
    mode   => '0755',
    source => 'puppet:///modules/profile/puppetserver/link-jruby-gems',
  }
  -> exec { 'link hiera-eyaml for JRuby':
    command => "${link_gems} hiera-eyaml optimist highline",
    unless  => "${link_gems} --check hiera-eyaml optimist highline",
    require => Package['hiera-eyaml'],
  }
}
