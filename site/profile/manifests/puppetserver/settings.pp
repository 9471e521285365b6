# @summary The Puppet Server's puppet.conf, which is also that of the agent on the same machine
#
# @param certname
#   The name in the machine's certificate, by which nodes reach the server.
#
# @example
#   include profile::puppetserver::settings
#
# @see https://www.puppet.com/docs/puppet/8/configuration.html
class profile::puppetserver::settings (
  Stdlib::Fqdn $certname = $trusted['certname'],
) {
  file { '/etc/puppet/puppet.conf':
    ensure  => file,
    owner   => 'root',
    group   => 'root',
    mode    => '0644',
    content => epp('profile/puppetserver/puppet.conf.epp', { certname => $certname }),
  }
}
