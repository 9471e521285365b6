# @summary The unit of a service's next release, NAME@.service
#
# A function rather than a template: Puppet Server reads a template anew for each service, and that was two fifths of what it
# took to compile a node's catalog.
#
# @param service the service's name
# @param package the name of its package
# @param paths where its parts are, as `flask_microservice::paths` says it
# @param runs how it is to run
# @return the text of the unit; flask-microservice(8) makes the units of each release from it
#
# @api private
function flask_microservice::unit_text(
  Flask_microservice::Name $service,
  Flask_microservice::Name $package,
  Hash[String[1], String[1]] $paths,
  Hash $runs,
) >> String[1] {
  $release = "${paths['releases']}/%i"
  $variable = $package.regsubst('-', '_', 'G').upcase
  $deadlines = $runs['deadlines']
  # A little longer than flask-microservice(8) waits, which can tell more about it than systemd.
  $ready_seconds = $deadlines['ready'] + 5
  $start_seconds = $runs['migrations'] ? {
    true    => max($deadlines['migrate'], $ready_seconds),
    default => $ready_seconds,
  }
  $stop_seconds = $deadlines['stop'] + 5
  $command = [
    "${paths['virtualenv']}/bin/gunicorn --config ${release}/gunicorn.conf.py --preload",
    "--workers ${runs['workers']} --graceful-timeout ${deadlines['stop']}",
    "--no-control-socket \"${runs['application']}\"",
  ].join(' ')
  # systemd knows addresses and no ports: flask-microservice(8) has nftables keep to these.
  $addresses = $runs['peers'].map |$_, $peer| { $peer.regsubst('\A\[?([0-9.]+|[0-9a-fA-F:.]+(?=\]))\]?:[0-9]+\z', '\1') }.unique
  $allowed = $addresses.empty ? {
    true    => '',
    default => "IPAddressAllow=${addresses.join(' ')}\n",
  }

  # Each is a number of lines, or none.
  $migrate = $runs['migrations'] ? {
    true    => "ExecStartPre=/bin/sh -c 'test -e ${release}/migrated || exec ${paths['virtualenv']}/bin/${package} db upgrade'\n",
    default => '',
  }
  # Read by systemd itself, as root; a core dump would have the values in it, and the journal with it. With a limit of one
  # byte none is made, where one goes to a program, either (core(5)).
  $secret_variables = $runs['secret_environment'] ? {
    true    => "EnvironmentFile=${release}/secret_environment\nLimitCORE=1\n",
    default => '',
  }
  $secret_setting = $runs['secret_environment'] ? {
    true    => "SecretEnvironment=${paths['environment']}\n",
    default => '',
  }
  $variables = $runs['environment'].map |$name, $value| { "Environment=\"${name}=${value.regsubst('%', '%%', 'G')}\"\n" }.join
  $limits = { 'memory' => 'MemoryMax', 'tasks' => 'TasksMax', 'cpu' => 'CPUQuota', 'files' => 'LimitNOFILE' }
  $limited = $limits.map |$limit, $directive| {
    $runs['limits'][$limit] ? {
      undef   => '',
      default => "${directive}=${runs['limits'][$limit]}\n",
    }
  }.join
  # Of its own: in that of the machine it could fill the memory of all.
  $shared_memory = "TemporaryFileSystem=/dev/shm:mode=1777,size=${runs['limits']['shared_memory']}\n"
  $besides = Hash($runs['directives'].map |$section, $directives| {
      [$section, $directives.map |$directive, $values| { [$values].flatten.map |$value| { "${directive}=${value}\n" } }.join]
  })
  $of_unit = $besides['Unit']
  $of_service = $besides['Service'].lest || { '' } ? {
    ''      => '',
    default => "\n# What this service declares besides.\n${besides['Service']}",
  }
  $of_socket = $runs['listen'][0] ? {
    '/'     => "SocketUser=root\nSocketGroup=${service}\nSocketMode=0660\nRemoveOnStop=yes\n",
    default => '',
  }

  @("UNIT")
    # Written by Puppet: how the next release of ${service} runs. Each release has a copy of its own.
    [Unit]
    Description=Microservice ${service}, release %i
    PartOf=${service}.service
    Requires=${service}@%i.socket
    After=${service}@%i.socket ${service}.socket network.target
    # Stopped after it when the machine goes down, so that balancers have turned away by then.
    Before=flask-microservice-drain.service
    # A release that fails again and again must not take the socket down with it: a start limit would.
    StartLimitIntervalSec=0
    ${of_unit}
    [Service]
    # gunicorn says that it is ready once the application is loaded, which --preload has it do before all else: so an
    # application that does not load is a unit that does not start.
    Type=notify
    NotifyAccess=main
    Sockets=${service}.socket ${service}@%i.socket
    # Else systemd clears O_NONBLOCK on the socket at each start, and a worker of the release that runs can hang in accept().
    NonBlocking=yes
    # As root, and without them it runs as well.
    ExecStartPre=-+/usr/local/sbin/flask-microservice confine ${service}
    ExecStopPost=-+/usr/local/sbin/flask-microservice confine ${service}
    ${migrate}ExecStart=${command}
    KillMode=mixed
    TimeoutStartSec=${start_seconds}
    TimeoutStopSec=${stop_seconds}
    Restart=on-failure
    RestartSec=1
    RestartSteps=5
    RestartMaxDelaySec=10

    # The fixed paths are those of the release: what dpkg or Puppet change meanwhile is for the next one.
    BindReadOnlyPaths=${release}/venv:${paths['virtualenv']}
    BindReadOnlyPaths=${release}/default_config.ini:${paths['config']}
    Environment=${variable}_CONFIG=${paths['config']}
    Environment=${variable}_RELEASE=%i
    Environment=FLASK_MICROSERVICE_NAME=${service}
    Environment=FLASK_MICROSERVICE_HEALTH_PATH=${runs['health_path']}
    Environment=FLASK_MICROSERVICE_THREADS=${runs['threads']}
    Environment=FLASK_MICROSERVICE_HANG_SECONDS=${deadlines['hang']}
    Environment=FLASK_MICROSERVICE_REQUEST_SECONDS=${deadlines['request']}
    Environment=FLASK_MICROSERVICE_BALANCERS=/etc/flask-microservice/balancers
    ${variables}${secret_variables}
    User=${service}
    Group=${service}
    UMask=0027
    # Python looks for modules in it first, so it is one that the service can't write to.
    WorkingDirectory=${paths['virtualenv']}

    # What it may use of the machine.
    ${limited}${shared_memory}
    # What it may write, and whom it may connect to. Who may connect to it is the socket's matter.
    ProtectSystem=strict
    ReadOnlyPaths=/run
    ReadWritePaths=${paths['data_dir']} ${paths['log_dir']}
    IPAddressDeny=any
    ${allowed}
    NoNewPrivileges=yes
    CapabilityBoundingSet=
    AmbientCapabilities=
    PrivateTmp=yes
    PrivateDevices=yes
    DevicePolicy=closed
    PrivateUsers=yes
    PrivateIPC=yes
    RemoveIPC=yes
    ProtectHome=yes
    ProtectKernelTunables=yes
    ProtectKernelModules=yes
    ProtectKernelLogs=yes
    ProtectControlGroups=yes
    ProtectClock=yes
    ProtectHostname=yes
    ProtectProc=invisible
    ProcSubset=pid
    RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
    RestrictNamespaces=yes
    RestrictRealtime=yes
    RestrictSUIDSGID=yes
    LockPersonality=yes
    MemoryDenyWriteExecute=yes
    SystemCallArchitectures=native
    SystemCallFilter=@system-service
    SystemCallFilter=~@privileged @resources
    SystemCallErrorNumber=EPERM
    ${of_service}
    # The port, for flask-microservice(8), which writes ${service}.socket when the release takes over.
    [X-Socket]
    ListenStream=${runs['listen']}
    Backlog=${runs['backlog']}
    ${of_socket}
    [X-Flask-Microservice]
    Package=${package}
    Version=${runs['version']}
    Virtualenv=${paths['virtualenv']}
    Config=${paths['config']}
    HealthPath=${runs['health_path']}
    Peers=${runs['peers'].join(' ')}
    ReadyDeadlineSec=${deadlines['ready']}
    WatchSec=${deadlines['watch']}
    ${secret_setting}Keep=${runs['keep']}
    | UNIT
}
