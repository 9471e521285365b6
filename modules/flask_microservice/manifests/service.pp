# @summary One Flask microservice: package, account, config, log rotation, socket and service unit
#
# What the package brings and where is fixed: see `flask_microservice::paths`. The service is restarted once when its
# package, config or unit changed, and behind an open socket: what arrives meanwhile waits. A new port or address does
# close the old socket.
#
# @see systemd.socket(5), systemd.exec(5), systemd.resource-control(5)
#
# @param port
#   The TCP port that it listens on.
# @param version
#   The exact version of its package; an older one than is installed is a step back. Needed unless `ensure` is absent.
# @param ensure
#   `absent` stops it and removes package, config and units; /var/lib/NAME, /var/log/NAME and the account that owns them stay.
# @param address
#   The address that it listens on: all, if not told otherwise.
# @param config
#   What its config file says: section => key => value.
# @param secrets
#   More of the same that nobody but the service may read.
# @param application
#   The WSGI application that its package brings, as `MODULE:NAME`; without it, that of a service made from the template.
# @param health_path
#   The path that answers 200 when it can serve. An application that was not made from the template may have another.
# @param migrations
#   Whether to run `NAME db upgrade` when its package or config changed, before it restarts. Services of the template have
#   that command; an application of another shape does not, so the default is no where `application` is given.
# @param workers
#   How many processes answer requests.
# @param threads
#   How many threads each of them has.
# @param backlog
#   How many connections wait, at most, while all threads are busy or the service restarts.
# @param peers
#   Addresses and networks, besides the loopback ones, that it may connect to: a database, upstreams on other nodes. Who
#   may connect to it is not limited here.
# @param apt_source
#   The file in /etc/apt that names the repository of the package; see the class.
#
# @example A service that talks to itself only
#   flask_microservice::service { 'inventory':
#     port    => 7002,
#     version => '1.0.0-1',
#     config  => { 'log' => { 'level' => 'info' } },
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
  Flask_microservice::Port $port,
  Optional[Flask_microservice::Version] $version = undef,
  Enum['present', 'absent'] $ensure = 'present',
  Stdlib::IP::Address::Nosubnet $address = '0.0.0.0',
  Flask_microservice::Config $config = {},
  Sensitive[Flask_microservice::Config] $secrets = Sensitive({}),
  Optional[Flask_microservice::Application] $application = undef,
  Flask_microservice::Http_path $health_path = '/health/ready',
  Boolean $migrations = $application =~ Undef,
  Integer[1] $workers = 2,
  Integer[1] $threads = 8,
  Integer[1] $backlog = 2048,
  Array[Stdlib::IP::Address] $peers = [],
  Optional[Stdlib::Absolutepath] $apt_source = undef,
) {
  assert_type(Flask_microservice::Name, $name) |$expected, $actual| {
    fail("'${name}' can't be a service's name: lower-case words joined by single dashes, 2 to 32 characters in all")
  }

  if $ensure == 'present' {
    unless $version {
      fail("Flask_microservice::Service['${name}'] has no version: name the exact one to install")
    }
    flask_microservice::service::package { $name:
      version    => $version,
      apt_source => $apt_source,
    }
    -> flask_microservice::service::files { $name:
      settings => flask_microservice::settings($config, $secrets),
    }
    -> flask_microservice::service::units { $name:
      application => $application.lest || { flask_microservice::paths($name)['application'] },
      address     => $address,
      port        => $port,
      backlog     => $backlog,
      workers     => $workers,
      threads     => $threads,
      peers       => $peers,
    }

    if $migrations {
      flask_microservice::service::migration { $name:
        version => $version,
        require => Flask_microservice::Service::Files[$name],
        before  => Flask_microservice::Service::Units[$name],
      }
    }
  } else {
    flask_microservice::service::removal { $name: }
  }
}
