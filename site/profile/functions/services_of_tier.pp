# @summary The services that some node of this machine's tier may run
#
# Those are all that Hiera declares but for the ones whose groups are empty in this tier. Which nodes there are is not known here.
#
# @return their declarations
#
# @example
#   profile::services_of_tier().keys  # ['inventory', 'orders']
function profile::services_of_tier() >> Hash[Flask_microservice::Name, Flask_microservice::Declaration] {
  $services = lookup('flask_microservice::services', Hash[Flask_microservice::Name, Flask_microservice::Declaration])
  $groups = lookup('flask_microservice::groups', { 'value_type' => Flask_microservice::Groups, 'default_value' => {} })
  $placement = flask_microservice::placement($services, $groups, $trusted['certname'])
  unless $placement['problems'].empty {
    fail("it is not clear where the declared services run: ${placement['problems'].join('; ')}")
  }
  $placement['anywhere']
}
