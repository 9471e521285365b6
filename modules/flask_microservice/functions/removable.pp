# @summary Whether a name that a node's fact has can be that of a service, so that the service may be removed
#
# @param name what the fact says
# @return whether it is a service's name, and no name of the system
#
# @api private
function flask_microservice::removable(String $name) >> Boolean {
  $name =~ Flask_microservice::Name and $name !~ Flask_microservice::System_name
}
