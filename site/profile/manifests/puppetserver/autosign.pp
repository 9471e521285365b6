# @summary Who gets a certificate: a machine that knows the shared secret and says its role and tier
#
# A request that was refused is thrown away, and the next one of that name is judged anew. Puppet Server would keep it and
# ignore all that follow: a typing error in the secret, or a stranger, would lock a machine out.
#
# @example
#   include profile::puppetserver::autosign
#
# @see https://www.puppet.com/docs/puppet/8/ssl_autosign.html
class profile::puppetserver::autosign {
  $directory = '/etc/puppet/autosign'
  $secret = "${directory}/shared-secret"

  stdlib::ensure_packages(['openssl', 'python3-cryptography'])

  file {
    default:
      owner => 'root',
      group => 'puppet',
    ;
    $directory:
      ensure => directory,
      mode   => '0750',
    ;
    "${directory}/policy":
      ensure  => file,
      mode    => '0750',
      source  => 'puppet:///modules/profile/puppetserver/autosign_policy.py',
      require => Package['python3-cryptography'],
    ;
  }
  # Moved into place when complete: a half-written secret would be an easy one.
  -> exec { 'generate the shared secret':
    command  => "umask 077 && openssl rand -hex 32 > ${secret}.new && mv ${secret}.new ${secret}",
    path     => ['/usr/bin', '/bin'],
    provider => shell,
    creates  => $secret,
    require  => Package['openssl'],
  }
  -> file { $secret:
    ensure => file,
    owner  => 'root',
    group  => 'puppet',
    mode   => '0640',
  }

  file {
    default:
      ensure => file,
      owner  => 'root',
      group  => 'root',
      mode   => '0644',
    ;
    '/etc/systemd/system/puppet-refused-requests.path':
      source => 'puppet:///modules/profile/puppetserver/puppet-refused-requests.path',
    ;
    '/etc/systemd/system/puppet-refused-requests.service':
      source => 'puppet:///modules/profile/puppetserver/puppet-refused-requests.service',
    ;
  }
  ~> service { 'puppet-refused-requests.path':
    ensure => running,
    enable => true,
  }
}
