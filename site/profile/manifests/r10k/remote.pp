# @summary A bare repository on this machine, to push the control repository to
#
# Whoever may deploy (profile::operators) may push to it, over ssh; the account that r10k runs as reads it.
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
  include profile::operators

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
  }  exec {
    default:
      path    => ['/usr/bin', '/bin'],
      require => [Exec["make the bare repository ${path}"], Group['fleet-deploy']],
      ;
    'who may deploy may push':
      command  => "chgrp -R fleet-deploy ${path} && chmod -R g+rwX ${path} && find ${path} -type d -exec chmod g+s {} +",
      unless   => "test \"\$(stat -c '%G %a' ${path}/objects)\" = 'fleet-deploy 2775'",
      provider => shell,
      ;
    # git works on no repository of another account unless it is told to.
    'git takes the repository for one that is to be worked on':
      command  => "git config --system --add safe.directory ${path}",
      unless   => "git config --system --get-all safe.directory | grep -q -x -F '${path}'",
      provider => shell,
      ;
  }
}
