# @summary PuppetDB's copy of the machine's certificate and key, which it can't read where Puppet keeps them
#
# @example
#   include profile::puppetdb::certificate
class profile::puppetdb::certificate {
  $puppet = '/var/lib/puppet/ssl'
  $certname = $profile::puppetdb::certname

  file {
    default:
      ensure  => file,
      owner   => 'root',
      group   => 'puppetdb',
      mode    => '0640',
      require => Class['profile::puppetserver::authority'],
    ;
    '/etc/puppetdb/ssl':
      ensure => directory,
      mode   => '0750',
    ;
    '/etc/puppetdb/ssl/ca.pem':
      source => "${puppet}/certs/ca.pem",
    ;
    '/etc/puppetdb/ssl/public.pem':
      source => "${puppet}/certs/${certname}.pem",
    ;
    '/etc/puppetdb/ssl/private.pem':
      source    => "${puppet}/private_keys/${certname}.pem",
      show_diff => false,
    ;
  }
}
