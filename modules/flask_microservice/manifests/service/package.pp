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
  $installed = "test \"$(dpkg-query --show --showformat='\${Version}' ${name} 2>/dev/null)\" = '${version}'"
  $published = "apt-cache show '${name}=${version}' >/dev/null 2>&1"

  # A version that was published a minute ago is in no index of this node yet.
  exec { "version ${version} of ${name} is in an apt repository":
    command  => epp('flask_microservice/find_version.sh.epp', {
        package    => $name,
        version    => $version,
        apt_source => $apt_source,
    }),
    provider => shell,
    path     => ['/usr/sbin', '/usr/bin', '/sbin', '/bin'],
    unless   => [$installed, $published],
  }
  -> package { $name:
    ensure          => $version,
    provider        => apt,
    # Puppet's apt provider passes --force-yes with every version, which would take unsigned packages too.
    install_options => ['--allow-downgrades', '-o', 'APT::Get::force-yes=false'],
  }
}
