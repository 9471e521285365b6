# @summary Which services that would leave a node can stay there: those whose port no other service of the node gets
#
# @param going the names of the services
# @param services flask_microservice::services
# @param present the services that the node runs
# @return their names
#
# @api private
function flask_microservice::able_to_stay(Array[String] $going, Hash $services, Hash $present) >> Array[String] {
  $ports = $present.map |$_, $its| { $its['port'] }.filter |$port| { $port }
  $going.filter |$_, $name| { !($services.dig($name, 'port') in $ports) }
}
