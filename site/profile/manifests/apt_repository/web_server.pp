# @summary nginx, which serves the published part of the apt repository and nothing else
#
# @param fqdn
#   The name that it is asked by.
# @param root
#   The directory that it serves.
#
# @example
#   class { 'profile::apt_repository::web_server':
#     fqdn => 'apt.example.com',
#     root => '/srv/apt/public',
#   }
class profile::apt_repository::web_server (
  Stdlib::Fqdn $fqdn,
  Stdlib::Absolutepath $root,
) {
  profile::hardened_unit { 'nginx':
    writable     => ['/run', '/var/log/nginx', '/var/lib/nginx'],
    capabilities => [
      'CAP_CHOWN', 'CAP_DAC_OVERRIDE', 'CAP_KILL', 'CAP_NET_BIND_SERVICE', 'CAP_SETGID', 'CAP_SETUID',
    ],
  }
  -> package { 'nginx-light':
    ensure => installed,
  }
  -> file {
    default:
      owner  => 'root',
      group  => 'root',
      mode   => '0644',
      notify => Service['nginx'],
    ;
    '/etc/nginx/sites-enabled/default':
      ensure => absent,
    ;
    '/etc/nginx/sites-enabled/apt-repository':
      ensure  => file,
      content => epp('profile/apt_repository/nginx.conf.epp', { fqdn => $fqdn, root => $root }),
    ;
  }
  service { 'nginx':
    ensure  => running,
    enable  => true,
    restart => 'systemctl reload nginx',
  }
}
