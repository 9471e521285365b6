# @summary The certificate authority, and the server's own certificate with its role and tier in it
#
# Made before the server's first start, because a server without an authority makes itself one whose certificate it
# signs without any extension.
#
# @param tier
#   The tier of the Puppet Server itself (extension pp_environment).
#
# @example
#   include profile::puppetserver::authority
class profile::puppetserver::authority (
  Pattern[/\A[a-z][a-z0-9_]*\z/] $tier = 'production',
) {
  file { '/etc/puppet/csr_attributes.yaml':
    ensure  => file,
    owner   => 'root',
    group   => 'root',
    mode    => '0600',
    content => epp('profile/puppetserver/csr_attributes.yaml.epp', { role => 'puppetserver', tier => $tier }),
  }
  -> file { '/usr/local/sbin/set-up-puppet-ca':
    ensure => file,
    owner  => 'root',
    group  => 'root',
    mode   => '0755',
    source => 'puppet:///modules/profile/puppetserver/set-up-puppet-ca',
  }
  -> exec { '/usr/local/sbin/set-up-puppet-ca':
    # The key is the last file that is written: without it the authority is not complete.
    creates => '/etc/puppet/puppetserver/ca/ca_key.pem',
  }
}
