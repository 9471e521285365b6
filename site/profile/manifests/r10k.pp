# @summary r10k, and deploys: each deployed commit is an environment of its own, and the server says which one a node is in
#
# r10k makes its working copies beside what is served. What it has deployed is copied, checked, made read-only and moved to
# `/etc/puppet/code/environments/c_COMMIT`, which never changes from then on. Then an answer is changed: Puppet Server's node
# terminus `answers` tells each node its environment, by the narrowest answer of node, tier and fleet. Going back is changing
# the answer. The last ten deployed commits are kept, and those that some node's last run has used.
#
# `deploy-environment BRANCH` does this, and so does r10k itself, typed or called by a webhook: `/usr/local/bin/r10k` runs one at a
# time, and the postrun in r10k.yaml does the rest. The state is in `/var/lib/puppet-deploys`:
#
# - `answers.json`: who is given what. It is the only state that there is. A new server has it from its first
#   `deploy-environment BRANCH`, as it has everything else from the git remote; trials, answers of tiers and the way back start anew.
#   To keep these, back up this file and `/etc/puppet/code/environments`.
# - `given/`: what each node was told last; `checked.json`, `checkouts/`: work that is saved. All may be lost at any time.
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
  $state = '/var/lib/puppet-deploys'
  $program = '/usr/local/lib/deploy-environment'
  $layout = {
    'environments' => '/etc/puppet/code/environments',
    'making'       => '/etc/puppet/code/making',
    'checkouts'    => "${state}/checkouts",
    'r10k_cache'   => '/var/cache/r10k',
    'r10k'         => '/usr/bin/r10k',
    'state'        => $state,
    'signed'       => '/etc/puppet/puppetserver/ca/signed',
    'confdir'      => '/etc/puppet',
    'user'         => 'puppet',
  }

  # Who deployed what is recorded by it.
  include profile::operators::programs

  package { ['git', 'r10k']:
    ensure => installed,
  }
  # It brings the account.
  Package <| title == 'puppetserver' |> -> File["${state}/given"]

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
      content => epp('profile/r10k/r10k.yaml.epp', {
          remote        => $remote,
          forge_baseurl => $forge_baseurl,
          layout        => $layout,
      }),
    ;
    '/etc/deploy-environment.ini':
      ensure  => file,
      mode    => '0644',
      content => epp('profile/r10k/deploy-environment.ini.epp', { layout => $layout }),
    ;
    $state:
      ensure => directory,
      mode   => '0755',
    ;
    # Puppet Server writes it.
    "${state}/given":
      ensure => directory,
      owner  => $layout['user'],
      mode   => '0750',
    ;
    $program:
      ensure  => directory,
      source  => 'puppet:///modules/profile/r10k/program',
      recurse => true,
      purge   => true,
      force   => true,
      ignore  => '__pycache__',
    ;
    '/usr/local/sbin/deploy-environment':
      ensure  => file,
      mode    => '0755',
      source  => 'puppet:///modules/profile/r10k/deploy-environment',
      require => [File[$program], Class['profile::operators::programs']],
    ;
    '/usr/local/bin/r10k':
      ensure  => file,
      mode    => '0755',
      source  => 'puppet:///modules/profile/r10k/r10k',
      require => [File[$program], Class['profile::operators::programs']],
    ;
  }
}
