# @summary One service, as it is declared in Hiera
#
# The keys are parameters of `flask_microservice::service`, which says what each does, and eight that the class resolves:
# `nodes`, the nodes that it runs on, by group of `flask_microservice::groups` or by certname, and without it all of them;
# `upstreams`, names of other services, and `through: balancer`, so that these are asked there even if they run on the node;
# `secrets` and `secret_environment`, names of keys of the config and of environment variables whose values stand encrypted
# elsewhere; `database`, the kind of database that it has on a server, without which it uses a file of its own (SQLite); and
# `data: per_node`, which says that such a file is meant to be another one on each node.
type Flask_microservice::Declaration = Struct[{
    Optional[port]               => Flask_microservice::Port,
    Optional[socket]             => Stdlib::Absolutepath,
    Optional[ensure]             => Enum['present', 'absent'],
    Optional[purge]              => Boolean,
    Optional[version]            => Flask_microservice::Version,
    Optional[package]            => Flask_microservice::Name,
    Optional[address]            => Stdlib::IP::Address::Nosubnet,
    Optional[nodes]              => Array[Flask_microservice::Node_pattern, 1],
    Optional[upstreams]          => Array[Flask_microservice::Name],
    Optional[through]            => Enum['balancer'],
    Optional[database]           => Enum['postgresql'],
    Optional[data]               => Enum['per_node'],
    Optional[config]             => Flask_microservice::Config,
    Optional[secrets]            => Flask_microservice::Secret_keys,
    Optional[application]        => Flask_microservice::Application,
    Optional[health_path]        => Flask_microservice::Http_path,
    Optional[migrations]         => Boolean,
    Optional[workers]            => Integer[1, 1000],
    Optional[threads]            => Integer[1, 1000],
    Optional[backlog]            => Integer[1, 2147483647],
    Optional[peers]              => Array[Flask_microservice::Peer],
    Optional[environment]        => Flask_microservice::Environment,
    Optional[secret_environment] => Array[Flask_microservice::Variable, 1],
    Optional[limits]             => Flask_microservice::Limits,
    Optional[unit]               => Flask_microservice::Directives,
    Optional[deadlines]          => Flask_microservice::Deadlines,
    Optional[keep]               => Integer[1, 1000],
    Optional[log]                => Flask_microservice::Log,
}]
