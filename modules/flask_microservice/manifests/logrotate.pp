# @summary The program that rotates the logs of all services
#
# A class, so that a service which fails does not take the log rotation of the others down with it.
#
# @api private
class flask_microservice::logrotate {
  stdlib::ensure_packages(['logrotate'])
}
