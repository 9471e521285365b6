# @summary That the declared release of one service serves
#
# A definition of its own, since Puppet comes to what a definition declares after what those above it declare: so the files of
# all services are there before the first one is switched, and those that have a new release are switched at once.
#
# @api private
define flask_microservice::service::release {
  flask_microservice_release { $name:
    ensure => serving,
  }
}
