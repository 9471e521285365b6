# @summary The microservices that Hiera declares, from the fleet's own apt repository
#
# @example
#   include profile::microservices
class profile::microservices {
  contain profile::fleet_repository
  contain flask_microservice

  Class['profile::fleet_repository'] -> Class['flask_microservice']
}
