# @summary The program that switches releases on a node, and what its services share
#
# `flask-microservice --help` on a node says what an operator can do with it. It is a Python package, of the standard
# library only, below /usr/local/lib/flask-microservice; what is in /usr/local/sbin only starts it.
#
# @param balancers
#   Addresses and networks whose requests are those of many: no share of a service's threads is their limit.
# @param drain_seconds
#   For how long, when the machine goes down, its services answer their health checks with 503 and serve on, so that
#   balancers send no new requests. With 0 they stop at once.
#
# @example On a node whose services are behind a balancer that checks every second
#   class { 'flask_microservice::program':
#     drain_seconds => 5,
#   }
class flask_microservice::program (
  Array[Stdlib::IP::Address] $balancers = [],
  Integer[0, 86400] $drain_seconds = 0,
) {
  $drains = $drain_seconds ? {
    0       => '',
    default => @("STOP"),
      ExecStop=/usr/local/sbin/flask-microservice drain --all --wait ${drain_seconds}
      TimeoutStopSec=${$drain_seconds + 30}
      | STOP
  }
  $drain_unit = @("UNIT")
    # Written by Puppet. Every release is stopped after this: when the machine goes down, balancers have turned away by then.
    [Unit]
    Description=Draining of the microservices before they stop
    After=network.target

    [Service]
    Type=oneshot
    RemainAfterExit=yes
    ExecStart=/bin/true
    ${drains}
    [Install]
    WantedBy=multi-user.target
    | UNIT

  file {
    default:
      ensure => file,
      owner  => 'root',
      group  => 'root',
      mode   => '0644',
      ;
    '/usr/local/sbin/flask-microservice':
      mode    => '0755',
      content => file('flask_microservice/program/launcher.py'),
      require => File['/usr/local/lib/flask-microservice/flask_microservice'],
      ;
    '/usr/local/lib/flask-microservice':
      ensure => directory,
      mode   => '0755',
      ;
    # The program itself. A file that is no longer part of it goes; what Python makes of the others stays.
    '/usr/local/lib/flask-microservice/flask_microservice':
      ensure  => directory,
      source  => 'puppet:///modules/flask_microservice/program/flask_microservice',
      recurse => true,
      purge   => true,
      force   => true,
      ignore  => '__pycache__',
      ;
    '/usr/local/lib/flask-microservice/gunicorn.conf.py':
      content => file('flask_microservice/gunicorn.conf.py'),
      ;
    '/etc/flask-microservice':
      ensure => directory,
      mode   => '0755',
      ;
    # Services look at it every second.
    '/etc/flask-microservice/balancers':
      content => "# Written by Puppet (flask_microservice::balancers).\n${balancers.unique.map |$_, $one| { "${one}\n" }.join}",
      ;
    '/opt/releases':
      ensure => directory,
      mode   => '0755',
      ;
    '/etc/systemd/system/flask-microservice-drain.service':
      content => $drain_unit,
      notify  => Service['flask-microservice-drain.service'],
      ;
  }
  -> service { 'flask-microservice-drain.service':
    ensure   => running,
    enable   => true,
    provider => systemd,
    # A restart would have all services drain; what is new counts from the next stop on.
    restart  => 'systemctl daemon-reload',
  }
}
