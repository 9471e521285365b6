# @summary The part of a hash that is about some services
#
# @param values something by the name of a service, or of a package
# @param names the names
# @return what `values` has of them
#
# @api private
function flask_microservice::part_of(Hash $values, Array[String] $names) >> Hash {
  Hash($names.unique.filter |$_, $name| { $name in $values }.map |$_, $name| { [$name, $values[$name]] })
}
