# @summary A service that is on the node, and that Hiera does not declare
#
# A definition of its own, since Puppet comes to what a definition declares after all classes: a service that was declared by
# `flask_microservice::service` alone is in the catalog by then, and is left alone.
#
# @param remove whether it is removed; without that, each run warns of it
# @param drain for how many seconds it drains before it is removed
#
# @api private
define flask_microservice::undeclared (
  Boolean $remove,
  Integer[0, 86400] $drain,
) {
  unless defined(Flask_microservice::Service[$name]) {
    if $remove {
      flask_microservice::service { $name:
        ensure => absent,
        drain  => $drain,
      }
    } else {
      flask_microservice_undeclared { $name: }
    }
  }
}
