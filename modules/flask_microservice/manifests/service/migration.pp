# @summary The database of one service, brought to what its package needs
#
# Runs once for each pair of package version and config. A failed one is tried again at the next run, and until it has
# succeeded the service is not restarted. A database that a newer package has migrated is left as it is.
#
# @param version the version of the service's package
#
# @api private
define flask_microservice::service::migration (
  Flask_microservice::Version $version,
) {
  $paths = flask_microservice::paths($name)
  # What the database was migrated for. The config belongs to it: it names the database.
  $done = "${paths['data_dir']}/migrated"
  $release = "\"${version} $(sha256sum < ${paths['config']})\""

  exec { "migrations of ${name}":
    command  => "${paths['command']} db upgrade && echo ${release} > ${done}",
    unless   => "test \"$(cat ${done} 2>/dev/null)\" = ${release}",
    provider => shell,
    path     => ['/usr/bin', '/bin'],
    user     => $name,
    cwd      => $paths['data_dir'],
    umask    => '0027',
  }
}
