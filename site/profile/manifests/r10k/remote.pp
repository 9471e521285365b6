# @summary A bare repository on this machine, to push the control repository to
#
# It is root's, who pushes; the account that r10k runs as reads it.
#
# @param path
#   Where it is.
#
# @example
#   class { 'profile::r10k::remote':
#     path => '/srv/git/control.git',
#   }
class profile::r10k::remote (
  Stdlib::Absolutepath $path,
) {
  $parent = dirname($path)

  file { $parent:
    ensure => directory,
    owner  => 'root',
    group  => 'root',
    mode   => '0755',
  }
  -> exec { "make the bare repository ${path}":
    command => "git init --quiet --bare ${path}",
    path    => ['/usr/bin', '/bin'],
    creates => "${path}/HEAD",
  }
  -> file {
    default:
      ensure => file,
      owner  => 'root',
      group  => 'root',
      mode   => '0644',
    ;
    "${path}/HEAD":
      content => "ref: refs/heads/production\n",
    ;
    "${path}/config":
      source => 'puppet:///modules/profile/r10k/git-config',
    ;
  }
}
