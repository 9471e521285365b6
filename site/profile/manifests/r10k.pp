# @summary r10k, and deploys: each deployed commit is an environment of its own, and the server says which one a node is in
#
# r10k makes its working copies beside what is served. What it has deployed is copied, checked, made read-only and moved to
# `/etc/puppet/code/environments/c_COMMIT`, which never changes from then on. Then an answer is changed: Puppet Server's node
# terminus `answers` tells each node its environment, by the narrowest answer of node, tier and fleet. Going back is changing
# the answer. The last ten deployed commits are kept, and those that some node's last run has used.
#
# `deploy-environment BRANCH` does this, and so does r10k itself, typed or called by a webhook: `/usr/local/bin/r10k` runs one at a
# time, and makes a deploy of what it has done.
#
# A Puppetfile is Ruby code, and so are resource types: whoever can push a branch runs code on this machine. It runs as the account
# `r10k`, and so do git and all checks of a commit. That account owns r10k's working copies and its cache, and nothing that is served.
# Root copies what r10k has made, and follows no link meanwhile; the copy is read-only, and root's, before it is checked. So
# neither this account nor that of Puppet Server can change what was deployed. A remote that needs a key finds it in the
# account's home, `/var/lib/r10k/.ssh`.
#
# The state is in `/var/lib/puppet-deploys`:
#
# - `answers.json`: who is given what. It is the only state that there is. A new server has it from its first
#   `deploy-environment BRANCH`, as it has everything else from the git remote; trials, answers of tiers and the way back start anew.
#   To keep these, back up this file and `/etc/puppet/code/environments`.
# - `given/`: what each node was told last; `checked.json`, `checkouts/`: work that is saved. All may be lost at any time. Without
#   `signed-commits/`, where commits are signed, a commit that is deployed already can't be given to somebody else.
#
# r10k.yaml is in `/etc/deploy-environment`, where `/usr/bin/r10k` does not look by itself: typed by root, that would run code of a
# branch as root.
#
# @param remote
#   Where the control repository is: anything that `git clone` takes.
# @param manage_remote
#   Whether that is a bare repository on this machine, to be made.
# @param forge_baseurl
#   The Forge that modules come from, if not the public one.
# @param signers
#   Who has to have signed a commit with an SSH key before it is deployed; nobody has to if it is empty. It counts as it was
#   when this server's last agent run applied it: no commit can let in the key that it is signed with. With it, modules have to be
#   those of the commit's Puppetfile.digests.json.
#
# @example Hiera
#   profile::r10k::remote: https://git.example.com/control.git
#   profile::r10k::signers:
#     anna:
#       keys: ['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0nTn0KpFJp5PzCjWzBbOFzKJ3p8n6nJrQ6m1v4Xk0W anna@laptop']
#       valid_before: '2028-01-01'
#
# @see https://github.com/puppetlabs/r10k/blob/main/doc/dynamic-environments/configuration.mkd
class profile::r10k (
  String[1] $remote,
  Boolean $manage_remote = false,
  Optional[Stdlib::HTTPUrl] $forge_baseurl = undef,
  Hash[Profile::Signer_name, Profile::Signer] $signers = {},
) {
  $state = '/var/lib/puppet-deploys'
  $program = '/usr/local/lib/deploy-environment'
  $account = 'r10k'
  $home = '/var/lib/r10k'
  $code = '/etc/puppet/code'
  $layout = {
    'environments' => "${code}/environments",
    'making'       => "${code}/making",
    'checkouts'    => "${state}/checkouts",
    'r10k_cache'   => '/var/cache/r10k',
    'r10k'         => '/usr/bin/r10k',
    'r10k_config'  => '/etc/deploy-environment/r10k.yaml',
    'state'        => $state,
    'signed'       => '/etc/puppet/puppetserver/ca/signed',
    'confdir'      => '/etc/puppet',
    'account'      => $account,
  }
  $allowed_signers = '/etc/deploy-environment/allowed_signers'
  $signed = $signers.empty ? {
    true    => {},
    default => { 'signers' => $allowed_signers },
  }

  # The path of a remote on this machine.
  $local_remote = $remote ? {
    /\A(?:file:\/\/)?(\/.+)\z/ => $1,
    default                     => undef,
  }

  # Who deployed what is recorded by it.
  include profile::operators::programs

  package { ['git', 'r10k']:
    ensure => installed,
  }
  unless $signers.empty {
    stdlib::ensure_packages(['openssh-client'])
  }
  # It brings the account.
  Package <| title == 'puppetserver' |> -> File["${state}/given"] -> Service <| title == 'puppetserver' |>
  Package <| title == 'puppetserver' |> -> File[$code]

  group { $account:
    ensure => present,
    system => true,
  }
  -> user { $account:
    ensure => present,
    system => true,
    gid    => $account,
    home   => $home,
    shell  => '/usr/sbin/nologin',
  }

  # Of a server whose r10k ran as root. A directory changes hands after all that is in it.
  [$layout['checkouts'], $layout['r10k_cache']].each |$_, $directory| {
    exec { "hand ${directory} to its account":
      command => "flock --timeout 290 ${state}/r10k.lock chown -Rh ${account}:${account} ${directory}",
      onlyif  => "find ${directory} -maxdepth 0 -user root | grep -q .",
      path    => ['/usr/bin', '/bin'],
      require => [User[$account], File[$state]],
    }
    -> file { $directory:
      ensure => directory,
      owner  => $account,
      group  => $account,
      mode   => '0755',
    }
  }
  # To git all files have changed hands, too: r10k would look for what is new in each of them by itself, which takes a minute.
  exec { 'have git know the working copies again':
    command     => @("SHELL"/$),
      for each in ${layout['checkouts']}/*/.git; do
        runuser -u ${account} -- git --git-dir="\$each" --work-tree="\${each%/.git}" update-index -q --refresh
      done
      | SHELL
    path        => ['/usr/sbin', '/usr/bin', '/sbin', '/bin'],
    cwd         => '/',
    provider    => shell,
    returns     => [0, 1, 128],
    refreshonly => true,
    subscribe   => Exec["hand ${layout['checkouts']} to its account"],
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
    # As Debian has them: the account of Puppet Server can't put one environment in the place of another.
    [$code, $layout['environments']]:
      ensure => directory,
      mode   => '0755',
    ;
    # Where r10k looks by itself.
    '/etc/puppetlabs/r10k/r10k.yaml':
      ensure => absent,
    ;
    dirname($layout['r10k_config']):
      ensure => directory,
      mode   => '0755',
    ;
    $layout['r10k_config']:
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
      content => epp('profile/r10k/deploy-environment.ini.epp', { layout => $layout + $signed }),
      require => File[$allowed_signers],
    ;
    # Where the file above names it, a deploy needs it: one that is lost lets nobody in.
    $allowed_signers:
      ensure  => stdlib::ensure(!$signers.empty, 'file'),
      mode    => '0644',
      content => "# Written by Puppet (profile::r10k).\n${profile::allowed_signers($signers)}",
    ;
    $state:
      ensure => directory,
      mode   => '0755',
    ;
    $home:
      ensure => directory,
      owner  => $account,
      group  => $account,
      mode   => '0700',
    ;
    ["${home}/.config", "${home}/.config/git"]:
      ensure => directory,
      mode   => '0755',
    ;
    # git takes a repository on this machine that is another account's for a trap, unless it is named.
    "${home}/.config/git/config":
      ensure  => stdlib::ensure($local_remote =~ NotUndef, 'file'),
      mode    => '0644',
      content => "# Written by Puppet (profile::r10k).\n[safe]\n\tdirectory = ${local_remote}\n",
    ;
    # Puppet Server writes it.
    "${state}/given":
      ensure => directory,
      owner  => 'puppet',
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
