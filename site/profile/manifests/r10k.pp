# @summary r10k, which turns branches of the control repository into environments, and the command to deploy one
#
# @param remote
#   Where the control repository is: anything that `git clone` takes.
# @param manage_remote
#   Whether that is a bare repository on this machine, to be made.
# @param forge_baseurl
#   The Forge that modules come from, if not the public one.
#
# @example Hiera
#   profile::r10k::remote: https://git.example.com/control.git
#
# @see https://github.com/puppetlabs/r10k/blob/main/doc/dynamic-environments/configuration.mkd
class profile::r10k (
  String[1] $remote,
  Boolean $manage_remote = false,
  Optional[Stdlib::HTTPUrl] $forge_baseurl = undef,
) {
  package { ['git', 'r10k']:
    ensure => installed,
  }

  if $manage_remote {
    class { 'profile::r10k::remote':
      path    => $remote,
      require => Package['git'],
    }
    contain profile::r10k::remote
  }

  file {
    default:
      owner => 'root',
      group => 'root',
    ;
    # r10k's own default, on Debian as well.
    '/etc/puppetlabs':
      ensure => directory,
      mode   => '0755',
    ;
    '/etc/puppetlabs/r10k':
      ensure => directory,
      mode   => '0755',
    ;
    '/etc/puppetlabs/r10k/r10k.yaml':
      ensure  => file,
      mode    => '0644',
      content => epp('profile/r10k/r10k.yaml.epp', { remote => $remote, forge_baseurl => $forge_baseurl }),
    ;
    '/usr/local/sbin/deploy-environment':
      ensure => file,
      mode   => '0755',
      source => 'puppet:///modules/profile/r10k/deploy_environment.py',
    ;
  }
}
