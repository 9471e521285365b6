# @summary The certificate of Puppet's authority, where every account of the machine can read it
#
# Services verify other machines of the fleet with it: Puppet's own copy is in a directory that is not theirs to enter.
#
# @param path
#   Where it is.
#
# @example
#   include profile::puppet_ca
class profile::puppet_ca (
  Stdlib::Absolutepath $path,
) {
  file { $path:
    ensure => file,
    owner  => 'root',
    group  => 'root',
    mode   => '0644',
    source => '/var/lib/puppet/ssl/certs/ca.pem',
  }
}
