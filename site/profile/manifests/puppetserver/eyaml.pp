# @summary The keys of Hiera's encrypted values, made on this machine, and hiera-eyaml where Puppet Server finds it
#
# @example
#   include profile::puppetserver::eyaml
#
# @see https://github.com/voxpupuli/hiera-eyaml
class profile::puppetserver::eyaml {
  $directory = '/etc/puppet/eyaml'
  $private_key = "${directory}/private_key.pkcs7.pem"
  $public_key = "${directory}/public_key.pkcs7.pem"
  $link_gems = '/usr/local/sbin/link-jruby-gems'

  package { 'hiera-eyaml':
    ensure => installed,
  }
  stdlib::ensure_packages(['openssl'])

  file { $directory:
    ensure => directory,
    owner  => 'puppet',
    group  => 'puppet',
    mode   => '0500',
  }
  # Not by `eyaml createkeys`, whose certificate has the serial number 0, which Python's cryptography is about to refuse.
  # The private key moves last: until it is there, the pair is made anew.
  -> exec { 'generate the eyaml keys':
    command  => "umask 077 && rm -rf new && mkdir new &&
      openssl req -x509 -newkey rsa:3072 -noenc -days 36500 -subj /CN=hiera-eyaml -keyout new/private -out new/public &&
      mv new/public ${public_key} && mv new/private ${private_key} && rmdir new",
    cwd      => $directory,
    path     => ['/usr/bin', '/bin'],
    provider => shell,
    creates  => $private_key,
    require  => Package['openssl'],
  }
  -> file { [$private_key, $public_key]:
    ensure => file,
    owner  => 'puppet',
    group  => 'puppet',
    mode   => '0400',
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
