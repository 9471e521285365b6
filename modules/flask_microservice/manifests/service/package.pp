# @summary The package of one service, at an exact version
#
# @param version the version
# @param apt_source the file in /etc/apt that names the repository of the package, if its index alone is to be fetched
#
# @api private
define flask_microservice::service::package (
  Flask_microservice::Version $version,
  Optional[Stdlib::Absolutepath] $apt_source,
) {
  # dpkg is asked first: it answers in a tenth of the time that apt takes, and nearly always the version is installed.
  $installed = "test \"$(dpkg-query --show --showformat='\${Version}' ${name} 2>/dev/null)\" = ${version}"
  # Not `apt-cache show NAME=VERSION`: that succeeds with any version of a package that it knows.
  $versions = "apt-cache madison ${name} | cut -d '|' -f 2 | tr -d ' '"
  $published = "${versions} | grep -qxF ${version}"

  $only_source = $apt_source ? {
    undef   => '',
    default => "-o Dir::Etc::sourcelist=${apt_source} -o Dir::Etc::sourceparts=- -o APT::Get::List-Cleanup=0",
  }
  $complaint = "${name} ${version} is in no apt repository of this node, which has: $(${versions} | xargs)."
  $remedy = 'Publish it, or pin a published version in Hiera: flask_microservice::versions.'

  exec {
    default:
      provider => shell,
      path     => ['/usr/sbin', '/usr/bin', '/sbin', '/bin'],
      unless   => [$installed, $published],
      ;
    # A version that was published a minute ago is in no index of this node yet.
    "apt index that has ${name} ${version}":
      command => "apt-get update -qq -o APT::Update::Error-Mode=any ${only_source}".strip,
      ;
    # Puppet shows the command of an exec that failed: so this one is little more than what there is to say.
    "${name} ${version} is in an apt repository":
      command => "echo \"${complaint} ${remedy}\" >&2; false",
      require => Exec["apt index that has ${name} ${version}"],
      ;
  }
  -> package { $name:
    ensure          => $version,
    provider        => apt,
    # Puppet's apt provider passes --force-yes with every version, which would take unsigned packages too.
    install_options => ['--allow-downgrades', '-o', 'APT::Get::force-yes=false'],
  }
}
