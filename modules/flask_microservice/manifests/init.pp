# @summary Runs the Flask microservices that Hiera declares for a node
#
# Each entry of `services` that is placed on the node becomes one `flask_microservice::service`; of the others, the catalog has
# nothing. Profiles find those of the node in `$flask_microservice::placed`. A declared service that the node still has, and that is
# placed elsewhere now, is removed as if it were `absent`: its data and log stay. The node's fact `flask_microservices` says
# which ones it has, and counts for nothing else. `$flask_microservice::removed` has the names of all that go.
#
# With `held_by`, such a service stays for as long as a function says, and serves on: nothing of it is in the catalog but why it stays.
# `$flask_microservice::staying` has the declarations of these. With `all_held_by`, all that would leave the node stays so, for as
# long as a function gives a reason: what is placed elsewhere, what is `absent`, and what `remove_undeclared` would remove.
#
# The class adds what only all of the services together can tell: the version, where a tier's pin wins over the service's own; the
# URLs of upstreams, on the node or at a balancer; the values of secrets. If declarations contradict each other the catalog
# fails, with one message that names all that is to mend, and nothing on the node is touched.
#
# @param services
#   The services: name => declaration. Hiera merges it deeply over all layers, so each service can have a file of its own.
# @param groups
#   Groups of nodes, for `nodes` in declarations: name => certnames or patterns of them, as `Flask_microservice::Groups` has it.
#   Hiera merges it deeply, so a tier can have its own groups. A group that no node of a tier is in is declared there as `[]`.
# @param versions
#   The exact version of each service's package: name => version. A pin for a service that the node lacks is no error, so
#   that a tier's file can pin all services of the fleet.
# @param secrets
#   The values of the secret keys that services declare: name => section => key => value, as `Flask_microservice::Secrets`
#   has it. Encrypt them in Hiera; lookup makes them Sensitive. So that a `%{` in one of them is not taken for Hiera's, name
#   `flask_microservice::eyaml_lookup_key` in hiera.yaml.
# @param secret_environment
#   The values of the secret environment variables that services declare: name => variable => value, as
#   `Flask_microservice::Secret_environment` has it. For these the same holds as for `secrets`.
# @param database
#   The PostgreSQL server of the services that declare `database: postgresql`. Each has a database and a login of its own
#   name there, with the password of its secret `database` => `password`; making them is not this module's matter.
# @param gateways
#   The balancers through which services reach upstreams that run on other nodes: name => balancer, as
#   `Flask_microservice::Gateways` has it. The class writes their names into /etc/hosts, as services ask no name server.
# @param external
#   Upstreams that are no service of Hiera: name => where, as `Flask_microservice::External` has it.
# @param limits
#   What each service may use of its machine, where its declaration does not say otherwise; what neither says is as
#   `flask_microservice::limits` says.
# @param remove_undeclared
#   Whether a service that is on the node, and that Hiera does not declare any more, is removed. Without it, each run warns of it.
# @param held_by
#   The name of a function that says which services, placed elsewhere now, the node has to keep for the moment. It is called with
#   their declarations by name, `groups` and `gateways`, and returns why, by name: one part of a sentence for each that is to stay.
#   Without it, all of them go at once.
# @param all_held_by
#   The name of a function that says why the node has to keep all that would leave it, for the moment. It is called without
#   arguments, where something would leave, and returns one part of a sentence; or nothing: then all else counts. What another
#   service of the node gets the port of can't stay.
# @param apt_source
#   The file in /etc/apt that names the repository of the services. With it, only that repository's index is fetched when
#   a version is not known yet; without it, all of them.
# @param balancers
#   Addresses and networks of clients that pass on the requests of many, such as the balancer of a tier. Of any other source, a
#   service serves so many requests at a time as three quarters of its threads do, and keeps the rest waiting; the node itself is one
#   source, so a proxy on it is named here by 127.0.0.1. Hiera collects them from all layers. A change restarts nothing.
# @param drain_seconds
#   For how long a service answers its health check with 503, and serves on, before it is removed or its machine goes down.
#   Where a balancer is in front of it: a little longer than that takes to notice.
#
# @example In Hiera, one service and its version
#   flask_microservice::services:
#     orders:
#       port: 7001
#       upstreams: [inventory]
#       config: {log: {level: info}}
#       secrets: {app: [secret_key]}
#   flask_microservice::versions: {orders: '1.0.0-1'}
#   flask_microservice::secrets: {orders: {app: {secret_key: 'ENC[PKCS7,...]'}}}
#
# @example In Hiera, a service that runs on two nodes only
#   flask_microservice::services: {billing: {port: 7003, version: '1.0.0-1', nodes: [payments]}}
#   flask_microservice::groups: {payments: ['pay[1-2].example.org']}
class flask_microservice (
  Hash[Flask_microservice::Name, Flask_microservice::Declaration] $services = {},
  Flask_microservice::Groups $groups = {},
  Hash[Flask_microservice::Name, Flask_microservice::Version] $versions = {},
  Sensitive[Hash] $secrets = Sensitive({}),
  Sensitive[Hash] $secret_environment = Sensitive({}),
  Optional[Flask_microservice::Database_server] $database = undef,
  Flask_microservice::Gateways $gateways = {},
  Flask_microservice::External $external = {},
  Flask_microservice::Limits $limits = {},
  Boolean $remove_undeclared = false,
  Optional[Pattern[/\A[a-z]\w*(::[a-z]\w*)*\z/]] $held_by = undef,
  Optional[Pattern[/\A[a-z]\w*(::[a-z]\w*)*\z/]] $all_held_by = undef,
  Optional[Stdlib::Absolutepath] $apt_source = undef,
  Array[Stdlib::IP::Address] $balancers = [],
  Integer[0, 86400] $drain_seconds = 0,
) {
  # First of all: what follows takes its time for each service.
  $placement = flask_microservice::placement($services, $groups, $trusted['certname'])
  $present = $placement['here'].filter |$_, $declared| { $declared['ensure'] != 'absent' }

  # What is on the node and is not to be. A node may say what it likes here: it only loses services by it.
  $there = $facts['flask_microservices'] ? {
    Hash    => $facts['flask_microservices'].keys.filter |$_, $name| { flask_microservice::removable($name) } - $present.keys,
    default => [],
  }
  $undeclared = $there - $services.keys
  $going = ($there - $undeclared) + ($remove_undeclared ? { true => $undeclared, default => [] })
  $reason = ($all_held_by and !$going.empty) ? {
    true    => call($all_held_by),
    default => undef,
  }
  $held = $reason ? {
    undef   => [],
    default => flask_microservice::able_to_stay($going, $services, $present),
  }

  # One that is absent, and stays for now, is as one that is placed elsewhere.
  $placed = $placement['here'] - $held
  $elsewhere = $services.keys - $placed.keys

  $beyond = { 'services' => $placement['anywhere'], 'gateways' => $gateways, 'external' => $external }

  $own_secrets = Sensitive($secrets.unwrap - $elsewhere)
  $own_environment = Sensitive($secret_environment.unwrap - $elsewhere)
  $malformed = flask_microservice::malformed_secrets($own_secrets)
  + flask_microservice::malformed_environment($own_environment)
  $of_all = $malformed ? {
    []      => flask_microservice::problems($present, $versions, $own_secrets, $own_environment, $database, $beyond),
    default => $malformed, # no other check could read them
  }
  $problems = $placement['problems'] + flask_microservice::name_problems($placed) + $of_all
  unless $problems.empty {
    fail("flask_microservice can't run the declared services: ${problems.join('; ')}")
  }

  $packages = $placed.map |$name, $declared| { $declared['package'].lest || { $name } }
  flask_microservice::class_parameters({
      'services'           => $placed,
      'groups'             => {},
      'gateways'           => {},
      'external'           => {},
      'versions'           => flask_microservice::part_of($versions, $placed.keys + $packages),
      'secrets'            => Sensitive(flask_microservice::part_of($own_secrets.unwrap, $placed.keys)),
      'secret_environment' => Sensitive(flask_microservice::part_of($own_environment.unwrap, $placed.keys)),
  })

  $moved = $there - $undeclared - $placed.keys
  if $reason {
    $reasons = Hash(($held - $undeclared).map |$_, $name| { [$name, $reason] })
  } elsif $held_by {
    $reasons = flask_microservice::held($held_by, $moved, $present, $placement['anywhere'], $groups, $gateways)
  } else {
    $reasons = {}
  }
  $staying = Hash(flask_microservice::part_of($services, $reasons.keys).map |$name, $its| { [$name, $its - 'ensure'] })
  $staying_undeclared = $undeclared.filter |$_, $name| { $name in $held }
  $reasons.each |$name, $reason| {
    flask_microservice_staying { $name:
      reason => $reason,
    }
  }
  $leaving = Hash(($moved - $staying.keys).map |$_, $name| {
      $package = flask_microservice::part_of($services[$name], ['package'])
      [$name, $package + { 'ensure' => 'absent' }]
  })
  $forgotten = $remove_undeclared ? { true => $undeclared - $staying_undeclared, default => [] }
  $removed = ($placed.keys - $present.keys) + $leaving.keys + $forgotten
  flask_microservice::undeclared { $undeclared - $forgotten:
    remove => false,
    drain  => $drain_seconds,
  }
  flask_microservice::undeclared { $forgotten:
    remove => true,
    drain  => $drain_seconds,
  }

  class { 'flask_microservice::program':
    balancers     => $balancers,
    drain_seconds => $drain_seconds,
  }

  # What the class makes of a declaration itself; all else are parameters of the service.
  $resolved = [
    'nodes', 'version', 'config', 'secrets', 'secret_environment', 'environment', 'peers', 'upstreams', 'through', 'database',
    'data', 'limits',
  ]
  # Those that run come first: one that goes leaves a package alone that another one runs from.
  ($present + $placed + $leaving).each |$name, $declared| {
    $ways = flask_microservice::ways($declared, $present, $beyond)
    $urls = Hash($ways.map |$upstream, $way| { [$upstream, $way['url']] })
    $config = $declared['config'].lest || { {} }
    $section = $config['upstreams'].lest || { {} } + $urls
    $reached = $ways.map |$_, $way| {
      $way['addresses'].map |$_, $address| { flask_microservice::listen($address, $way['port']) }
    }.flatten + flask_microservice::database_peers($declared, $database)
    $authorities = $ways.map |$_, $way| { $way['ca_file'] }.filter |$_, $file| { !($file in [undef, 'public']) }
    $trust = $authorities[0] ? {
      undef   => {},
      default => { 'REQUESTS_CA_BUNDLE' => $authorities[0] },
    }

    flask_microservice::service { $name:
      version            => flask_microservice::version_of($name, $declared, $versions),
      config             => $config + ($section.empty ? { true => {}, default => { 'upstreams' => $section } }),
      secrets            => flask_microservice::secrets_of($name, $declared, $own_secrets, $database),
      secret_environment => flask_microservice::environment_of($name, $declared, $own_environment),
      environment        => $trust + $declared['environment'].lest || { {} },
      peers              => ($declared['peers'].lest || { [] } + $reached).unique,
      limits             => $limits + $declared['limits'].lest || { {} },
      drain              => $drain_seconds,
      apt_source         => $apt_source,
      *                  => $declared - $resolved,
    }

    # Whoever asks a service that leaves asks elsewhere first. A package that both have part in has its own order.
    if $name in $leaving and !($declared['package'].lest || { $name } in $packages) {
      $present.filter |$_, $its| { $name in $its['upstreams'].lest || { [] } }.each |$asker, $_| {
        Flask_microservice::Service[$asker] -> Flask_microservice::Service[$name]
      }
    }

    if $declared['ensure'] != 'absent' {
      $ways.filter |$_, $way| { $way['host'] }.each |$_, $way| {
        $host = $way['host']
        ensure_resource('file_line', "flask_microservice: ${host}", {
            path  => '/etc/hosts',
            line  => "${way['addresses'][0]} ${host} # flask_microservice ${host}",
            match => " # flask_microservice ${regsubst($host, '[.]', '[.]', 'G')}$",
        })
        File_line["flask_microservice: ${host}"] -> Flask_microservice::Service[$name]
      }
    }
  }
}
