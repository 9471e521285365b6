# @summary How a service runs, as its unit says it
type Flask_microservice::Runs = Struct[{
    version     => Flask_microservice::Version,
    listen      => String[1],
    backlog     => Integer[1],
    application => Flask_microservice::Application,
    health_path => Flask_microservice::Http_path,
    migrations  => Boolean,
    workers     => Integer[1],
    threads     => Integer[1],
    peers       => Array[Stdlib::IP::Address],
    environment => Flask_microservice::Environment,
    limits      => Flask_microservice::Limits,
    directives  => Flask_microservice::Directives,
    deadlines   => Flask_microservice::Deadlines,
    keep        => Integer[1],
}]
