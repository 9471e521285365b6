# @summary The release of one service: how it runs, and that it serves
#
# @param package the name of its package
# @param version the package's version
# @param listen what its socket listens on
# @param backlog how many connections wait in it
# @param application the WSGI application that it runs, if it is not that of the template
# @param health_path the path of its health check
# @param migrations whether its database is migrated before it starts
# @param workers how many processes answer requests
# @param threads how many threads each of them has
# @param peers addresses and networks that the service may connect to
# @param environment its environment variables
# @param limits what it may use of the machine
# @param directives further directives of its unit
# @param deadlines how long the steps of a switch may take, in seconds
# @param keep how many releases stay on the node
#
# @api private
define flask_microservice::service::release (
  Flask_microservice::Name $package,
  Flask_microservice::Version $version,
  String[1] $listen,
  Integer[1] $backlog,
  Optional[Flask_microservice::Application] $application,
  Flask_microservice::Http_path $health_path,
  Boolean $migrations,
  Integer[1] $workers,
  Integer[1] $threads,
  Array[Stdlib::IP::Address] $peers,
  Flask_microservice::Environment $environment,
  Flask_microservice::Limits $limits,
  Flask_microservice::Directives $directives,
  Flask_microservice::Deadlines $deadlines,
  Integer[1] $keep,
) {
  $paths = flask_microservice::paths($name, $package)

  file { $paths['unit']:
    ensure  => file,
    owner   => 'root',
    group   => 'root',
    mode    => '0644',
    content => epp('flask_microservice/unit.epp', {
        service     => $name,
        package     => $package,
        version     => $version,
        paths       => $paths,
        listen      => $listen,
        backlog     => $backlog,
        application => $application.lest || { $paths['application'] },
        health_path => $health_path,
        migrations  => $migrations,
        workers     => $workers,
        threads     => $threads,
        peers       => $peers,
        environment => $environment,
        limits      => $limits,
        directives  => $directives,
        deadlines   => $deadlines,
        keep        => $keep,
    }),
  }
  -> flask_microservice_release { $name:
    ensure  => serving,
    require => Class['flask_microservice::program'],
  }
}
