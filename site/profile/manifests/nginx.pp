# @summary nginx, confined, without a site: other profiles have theirs in `/etc/nginx/sites-enabled`
#
# @example
#   include profile::nginx
class profile::nginx {
  profile::hardened_unit { 'nginx':
    writable     => ['/run', '/var/log/nginx', '/var/lib/nginx'],
    capabilities => [
      'CAP_CHOWN', 'CAP_DAC_OVERRIDE', 'CAP_KILL', 'CAP_NET_BIND_SERVICE', 'CAP_SETGID', 'CAP_SETUID',
    ],
  }
  -> package { 'nginx-light':
    ensure => installed,
  }
  -> file { '/etc/nginx/sites-enabled/default':
    ensure => absent,
  }
  ~> service { 'nginx':
    ensure  => running,
    enable  => true,
    restart => 'systemctl reload nginx',
  }
}
