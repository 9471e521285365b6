# @summary Where everything of one service is, as `flask_microservice::paths` gives it
type Flask_microservice::Paths = Struct[{
    virtualenv  => Stdlib::Absolutepath,
    command     => Stdlib::Absolutepath,
    config_dir  => Stdlib::Absolutepath,
    config      => Stdlib::Absolutepath,
    data_dir    => Stdlib::Absolutepath,
    log_dir     => Stdlib::Absolutepath,
    log         => Stdlib::Absolutepath,
    logrotate   => Stdlib::Absolutepath,
    releases    => Stdlib::Absolutepath,
    unit        => Stdlib::Absolutepath,
    application => Flask_microservice::Application,
}]
