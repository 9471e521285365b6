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
  include profile::nginx

  file { '/etc/nginx/sites-enabled/apt-repository':
    ensure  => file,
    owner   => 'root',
    group   => 'root',
    mode    => '0644',
    content => epp('profile/apt_repository/nginx.conf.epp', { fqdn => $fqdn, root => $root }),
    require => Package['nginx-light'],
    notify  => Service['nginx'],
  }
}
