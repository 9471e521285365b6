# @summary Sends the node's journal and its services' log files to a collector
#
# Off until a collector is named. rsyslog does it: Debian has it, it reads both the journal and files, and its
# syslog over TLS (RFC 5424 and 5425) is what any collector takes, where systemd-journal-upload speaks to
# systemd-journal-remote only and knows no files. The journal stays on the node as it is, and rsyslog writes nothing beside it.
#
# rsyslog runs as an account of its own, which reads the journal and, in the group adm, log files. A service can't lead it
# elsewhere: the directory of its log is root's, so it can put no link there.
#
# Over TLS each side shows a certificate of the Puppet CA: the node its own, the collector the one that has its name.
# rsyslog has copies of the node's, which are renewed with them. While the collector does not answer, messages wait on the node's
# disk. What the journal held before is not sent.
#
# A syslog collector acknowledges nothing: messages that are under way as a connection breaks are lost. rsyslog's RELP,
# which acknowledges, is not offered: its client gives up for good once a collector has shown a wrong certificate.
#
# @see rsyslogd(8), https://www.rsyslog.com/doc/configuration/modules/omfwd.html
#
# @param collector
#   The host that takes the messages, under the name in its certificate; nothing is sent and nothing managed without it.
# @param port
#   The port that it listens on: 6514 is the one of syslog over TLS.
# @param protocol
#   `tls` is syslog over TLS. `tcp` and `udp` send syslog in plain text, for a collector on the machine itself or behind a
#   tunnel.
# @param ensure
#   `absent` stops the shipping and removes rsyslog with its waiting messages.
# @param queue_mib
#   How much may wait on the disk, in MiB. Of what comes after that the collector gets nothing; the journal and the log
#   files have it.
#
# @example In Hiera, for the nodes of a tier
#   profile::log_shipping::collector: logs.example.org
#
# @example No more of it, once it was on
#   profile::log_shipping::ensure: absent
class profile::log_shipping (
  Optional[Stdlib::Host] $collector = undef,
  Stdlib::Port $port = 6514,
  Enum['tls', 'tcp', 'udp'] $protocol = 'tls',
  Enum['present', 'absent'] $ensure = 'present',
  Integer[1] $queue_mib = 256,
) {
  if $ensure == 'absent' {
    contain profile::log_shipping::removal
  } elsif $collector {
    include flask_microservice

    $here = $flask_microservice::placed + $flask_microservice::staying
    $services = $here.filter |$_, $declared| { $declared['ensure'] != 'absent' }
    $logs = Hash($services.keys.sort.map |$name| { [$name, flask_microservice::paths($name)['log']] })
    $ssl = '/var/lib/puppet/ssl'
    $copies = '/etc/rsyslog.tls'
    $certificates = {
      'authority'   => "${ssl}/certs/ca.pem",
      'revoked'     => "${ssl}/crl.pem",
      'certificate' => "${ssl}/certs/${trusted['certname']}.pem",
      'key'         => "${ssl}/private_keys/${trusted['certname']}.pem",
    }
    $own_certificates = Hash($certificates.keys.map |$_, $name| { [$name, "${copies}/${name}.pem"] })
    $driver = $protocol ? {
      'tls'   => ['rsyslog-openssl'],
      default => [],
    }

    # No service can have a name with an underscore, nor a directory with a dot.
    group { '_rsyslog':
      ensure => present,
      system => true,
    }
    -> user { '_rsyslog':
      ensure     => present,
      comment    => 'Log shipping',
      system     => true,
      gid        => '_rsyslog',
      home       => '/nonexistent',
      managehome => false,
      shell      => '/usr/sbin/nologin',
      before     => File['/etc/rsyslog.conf'],
    }

    if $protocol == 'tls' {
      file { $copies:
        ensure  => directory,
        owner   => 'root',
        group   => '_rsyslog',
        mode    => '0750',
        require => User['_rsyslog'],
      }
      $certificates.each |$name, $original| {
        file { $own_certificates[$name]:
          ensure    => file,
          owner     => 'root',
          group     => '_rsyslog',
          mode      => '0640',
          source    => $original,
          show_diff => false,
          backup    => false,
          require   => User['_rsyslog'],
          before    => File['/etc/rsyslog.conf'],
          notify    => Service['rsyslog'],
        }
      }
    } else {
      file { $copies:
        ensure => absent,
        force  => true,
        backup => false,
      }
    }

    package { ['rsyslog'] + $driver:
      ensure => installed,
    }
    -> file {
      default:
        owner => 'root',
        group => 'root',
        ;
      '/etc/systemd/system/rsyslog.service.d':
        ensure => directory,
        mode   => '0755',
        ;
      '/etc/systemd/system/rsyslog.service.d/unprivileged.conf':
        ensure => file,
        mode   => '0644',
        source => 'puppet:///modules/profile/log_shipping/unprivileged.conf',
        ;
    }
    -> file { '/etc/rsyslog.conf':
      ensure       => file,
      owner        => 'root',
      group        => 'root',
      mode         => '0644',
      content      => epp('profile/log_shipping/rsyslog.conf.epp', {
          collector    => $collector,
          port         => $port,
          protocol     => $protocol,
          certificates => $own_certificates,
          logs         => $logs,
          queue_mib    => $queue_mib,
      }),
      # One that rsyslog does not take would stop the shipping, and silently: it goes on with what it understood.
      validate_cmd => '/usr/sbin/rsyslogd -N 1 -f %',
    }
    ~> service { 'rsyslog':
      ensure    => running,
      enable    => true,
      subscribe => File['/etc/systemd/system/rsyslog.service.d/unprivileged.conf'],
    }

    # rsyslog reads the journal itself: nobody would take what journald hands on besides.
    file {
      default:
        owner => 'root',
        group => 'root',
        ;
      '/etc/systemd/journald.conf.d':
        ensure => directory,
        mode   => '0755',
        ;
      '/etc/systemd/journald.conf.d/log-shipping.conf':
        ensure  => file,
        mode    => '0644',
        content => "[Journal]\nForwardToSyslog=no\n",
        ;
    }
    ~> service { 'systemd-journald':
      ensure => running,
    }
  }
}
