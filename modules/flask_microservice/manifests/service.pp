# @summary One Flask microservice: package, account, config, log rotation, and the release that serves
#
# What the package brings and where is fixed: see `flask_microservice::paths`. When its version, its config or the way it
# runs changes, that is a new release: it is prepared beside the one that serves, tried where no client reaches it, and takes
# over the open port only when it has been ready for long enough. Whatever is wrong with it fails the run, and the old release
# goes on serving.
#
# @see systemd.socket(5), systemd.exec(5), systemd.resource-control(5), `flask-microservice --help` on a node
#
# @param port
#   The TCP port that it listens on. A service has a port or a socket.
# @param socket
#   The unix socket that it listens on, in the place of a port: for a web server on the same machine, whose account has to
#   be in the service's group.
# @param version
#   The exact version of its package; an older one than is installed is a step back. Needed unless `ensure` is absent.
# @param ensure
#   `absent` stops it and removes package, config, units and releases; its data, its log and the account that owns them stay.
# @param purge
#   With `ensure => absent`: whether data, log and account go as well, and what systemd has made for directives of `unit` such
#   as `StateDirectory`. A database on a server is not touched.
# @param package
#   The Debian package that it runs from, where that has another name: several services can run from one package, at one
#   version.
# @param address
#   The address that it listens on: all, if not told otherwise; `::` on a machine that has no IPv4 address.
# @param config
#   What its config file says: section => key => value.
# @param secrets
#   More of the same that nobody but the service may read: a `Flask_microservice::Config`.
# @param application
#   The WSGI application that its package brings, as `MODULE:NAME`; without it, that of a service made from the template.
# @param health_path
#   The path that answers 200 when it can serve. An application that was not made from the template may have another.
# @param migrations
#   Whether to run `PACKAGE db upgrade`, PACKAGE being the name of its package, when a new release starts, before it has to be
#   ready. Services of the template have that command; an application of another shape does not, so the default is no where
#   `application` is given.
# @param workers
#   How many processes answer requests.
# @param threads
#   How many requests each of them serves at a time. It has one thread more, for its health check. With 1, nothing of the
#   application runs beside a request.
# @param backlog
#   How many connections wait, at most, while all threads are busy; a balancer in front of it sends fewer.
# @param peers
#   Addresses and networks that it may connect to, or an address with the one port there: a database, upstreams, a name server.
#   The class adds what the declaration says otherwise. On a machine without nftables all ports of an address are open to it. Who
#   may connect to it is not limited here.
# @param environment
#   Environment variables, none of them a secret.
# @param secret_environment
#   Environment variables that are secret: name => value. An exception, for an application that takes a secret in no other
#   way: each process that the service starts has them as well. They are in a file that root alone can read, of which each
#   release has a copy.
# @param limits
#   How much memory, how many tasks, how much processor time, how many open files and how much shared memory it may have. What
#   is not given is as `flask_microservice::limits` says.
# @param unit
#   Further directives of its unit, such as those that open something which is closed to other services.
# @param deadlines
#   How long it, and the steps of a switch, may take, in seconds; those that are not given are as in the example.
# @param keep
#   How many releases stay on the node: the one that serves, and those to go back to.
# @param log
#   The level of its log, and how long it is kept.
# @param drain
#   For how many seconds it answers its health check with 503, and serves on, before it is removed: so that balancers turn
#   away first.
# @param apt_source
#   The file in /etc/apt that names the repository of the package; see the class.
#
# @example A service that talks to itself only
#   flask_microservice::service { 'inventory':
#     port      => 7002,
#     version   => '1.0.0-1',
#     config    => { 'log' => { 'level' => 'info' } },
#     deadlines => { 'ready' => 60, 'watch' => 5, 'migrate' => 600, 'stop' => 25, 'hang' => 10, 'request' => 10 },
#   }
#
# @example An application from PyPI that knows nothing of this module
#   flask_microservice::service { 'httpbin':
#     port        => 7010,
#     version     => '0.10.4-1',
#     application => 'httpbin:app',
#     health_path => '/status/200',
#   }
define flask_microservice::service (
  Optional[Flask_microservice::Port] $port = undef,
  Optional[Stdlib::Absolutepath] $socket = undef,
  Optional[Flask_microservice::Version] $version = undef,
  Enum['present', 'absent'] $ensure = 'present',
  Boolean $purge = false,
  Optional[Flask_microservice::Name] $package = undef,
  Stdlib::IP::Address::Nosubnet $address = flask_microservice::any_address(),
  Flask_microservice::Config $config = {},
  Sensitive[Hash] $secrets = Sensitive({}),
  Optional[Flask_microservice::Application] $application = undef,
  Flask_microservice::Http_path $health_path = '/health/ready',
  Boolean $migrations = $application =~ Undef,
  Integer[1, 1000] $workers = 2,
  Integer[1, 1000] $threads = 8,
  Integer[1, 2147483647] $backlog = 2048,
  Array[Flask_microservice::Peer] $peers = [],
  Flask_microservice::Environment $environment = {},
  Sensitive[Hash] $secret_environment = Sensitive({}),
  Flask_microservice::Limits $limits = {},
  Flask_microservice::Directives $unit = {},
  Flask_microservice::Deadlines $deadlines = {},
  Integer[1, 1000] $keep = 3,
  Flask_microservice::Log $log = {},
  Integer[0, 86400] $drain = 0,
  Optional[Stdlib::Absolutepath] $apt_source = undef,
) {
  assert_type(Flask_microservice::Name, $name) |$expected, $actual| {
    fail("'${name}' can't be a service's name: lower-case words joined by single dashes, 2 to 32 characters in all")
  }
  if $name =~ Flask_microservice::System_name or $package =~ Flask_microservice::System_package {
    $in_the_way = flask_microservice::name_problems({ $name => { 'package' => $package } })
    unless $in_the_way.empty {
      fail("Flask_microservice::Service['${name}']: ${in_the_way.join('; ')}")
    }
  }
  # The type of the parameter would say this of a service too, but not of which key.
  unless $secrets.unwrap =~ Flask_microservice::Config {
    $malformed = flask_microservice::malformed_secrets(Sensitive({ $name => $secrets.unwrap }))
    fail("Flask_microservice::Service['${name}']: ${malformed.join('; ')}")
  }
  $has_secret_environment = !$secret_environment.unwrap.empty
  if $has_secret_environment {
    $unfit = flask_microservice::malformed_environment(Sensitive({ $name => $secret_environment.unwrap }))
    unless $unfit.empty {
      fail("Flask_microservice::Service['${name}']: ${unfit.join('; ')}")
    }
  }

  include flask_microservice::program
  include flask_microservice::logrotate

  $deb = $package.lest || { $name }

  if $ensure == 'present' {
    unless $version {
      fail("Flask_microservice::Service['${name}'] has no version: name the exact one to install")
    }
    if $port and $socket or !$port and !$socket {
      fail("Flask_microservice::Service['${name}'] needs a port or a socket, and not both")
    }

    # Its provider brings all packages of a run in one transaction of apt, and asks dpkg once for all of them.
    ensure_resource('package', $deb, {
        ensure          => $version,
        provider        => 'flask_microservice',
        source          => $apt_source,
        install_options => ['--allow-downgrades'],
    })

    $paths = flask_microservice::paths($name, $deb)

    group { $name:
      ensure => present,
      system => true,
    }
    -> user { $name:
      ensure     => present,
      comment    => "Microservice ${name}",
      system     => true,
      gid        => $name,
      home       => $paths['data_dir'],
      managehome => false,
      shell      => '/usr/sbin/nologin',
    }

    $base = flask_microservice::base_config($name, $deb, $application =~ Undef, $log)
    $settings = flask_microservice::settings(flask_microservice::merged($base, $config), $secrets)
    file {
      default:
        ensure => directory,
        mode   => '0750',
        ;
      $paths['config_dir']:
        owner => 'root',
        group => $name,
        ;
      $paths['data_dir']:
        owner => $name,
        group => $name,
        ;
      # Root's: in a directory of its own the service could put a link in the place of its log, and whoever collects logs with
      # more rights would read what that names.
      $paths['log_dir']:
        owner => 'root',
        group => 'adm',
        mode  => '0751',
        ;
      $paths['log']:
        ensure => file,
        owner  => $name,
        group  => 'adm',
        mode   => '0640',
        force  => true,
        ;
      $paths['config']:
        ensure    => file,
        owner     => 'root',
        group     => $name,
        mode      => '0640',
        content   => flask_microservice::config_text($settings),
        show_diff => false,
        backup    => false,
        ;
      $paths['logrotate']:
        ensure  => file,
        owner   => 'root',
        group   => 'root',
        mode    => '0644',
        content => flask_microservice::logrotate_text($name, $paths['log'], $log),
        require => Class['flask_microservice::logrotate'],
        ;
    }

    # Where it is no longer declared, flask-microservice(8) removes it with the next switch, which that brings about.
    if $has_secret_environment {
      file { $paths['environment']:
        ensure    => file,
        owner     => 'root',
        group     => 'root',
        mode      => '0400',
        content   => flask_microservice::environment_text($secret_environment),
        show_diff => false,
        backup    => false,
        require   => File[$paths['config_dir']],
        before    => File[$paths['unit']],
      }
    }

    file { $paths['unit']:
      ensure  => file,
      owner   => 'root',
      group   => 'root',
      mode    => '0644',
      content => flask_microservice::unit_text($name, $deb, $paths, {
          version            => $version,
          listen             => $socket.lest || { flask_microservice::listen($address, $port) },
          backlog            => $backlog,
          application        => $application.lest || { $paths['application'] },
          health_path        => $health_path,
          migrations         => $migrations,
          workers            => $workers,
          threads            => $threads,
          peers              => $peers,
          environment        => $environment,
          secret_environment => $has_secret_environment,
          limits             => flask_microservice::limits($limits, $workers, $threads),
          directives         => $unit,
          deadlines          => { 'ready' => 60, 'watch' => 5, 'migrate' => 600, 'stop' => 25, 'hang' => 10, 'request' => 10 } + $deadlines,
          keep               => $keep,
      }),
    }

    flask_microservice::service::release { $name: }

    Package[$deb]
    -> User[$name]
    -> File[$paths['config_dir'], $paths['data_dir'], $paths['log_dir'], $paths['log'], $paths['config'], $paths['logrotate']]
    -> File[$paths['unit']]
    -> Flask_microservice::Service::Release[$name]
  } else {
    flask_microservice::service::removal { $name:
      package => $deb,
      purge   => $purge,
      drain   => $drain,
      unit    => $unit,
    }
  }
}
