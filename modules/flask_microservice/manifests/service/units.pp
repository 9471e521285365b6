# @summary The socket and the service unit of one service, running and enabled
#
# No `systemctl daemon-reload` here: Puppet's systemd provider sees to it when it starts or restarts a unit whose file
# changed.
#
# @param application the WSGI application that it runs
# @param address the address that the socket listens on
# @param port its port
# @param backlog how many connections wait in it
# @param workers how many processes answer requests
# @param threads how many threads each of them has
# @param peers addresses and networks that the service may connect to
#
# @api private
define flask_microservice::service::units (
  Flask_microservice::Application $application,
  Stdlib::IP::Address::Nosubnet $address,
  Flask_microservice::Port $port,
  Integer[1] $backlog,
  Integer[1] $workers,
  Integer[1] $threads,
  Array[Stdlib::IP::Address] $peers,
) {
  $paths = flask_microservice::paths($name)
  $host = $address ? {
    Stdlib::IP::Address::V6::Nosubnet => "[${address}]",
    default                           => $address,
  }

  file {
    default:
      ensure => file,
      owner  => 'root',
      group  => 'root',
      mode   => '0644',
      ;
    $paths['socket']:
      content => epp('flask_microservice/socket.epp', {
          service => $name,
          listen  => "${host}:${port}",
          backlog => $backlog,
      }),
      notify  => Service["${name}.socket"],
      ;
    $paths['service']:
      content => epp('flask_microservice/service.epp', {
          service     => $name,
          paths       => $paths,
          application => $application,
          workers     => $workers,
          threads     => $threads,
          peers       => $peers,
      }),
      notify  => Service["${name}.service"],
      ;
  }

  service { "${name}.socket":
    ensure   => running,
    enable   => true,
    provider => systemd,
    # The service goes down with its socket and is left there, for the next resource to start: so it starts once, whatever
    # else changed. A plain restart of the socket would start it here, and a refresh once more below.
    restart  => "systemctl stop ${name}.socket ${name}.service && systemctl start ${name}.socket",
  }
  -> service { "${name}.service":
    ensure    => running,
    enable    => true,
    provider  => systemd,
    subscribe => [Package[$name], File[$paths['config']]],
  }
}
