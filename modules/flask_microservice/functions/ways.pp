# @summary How a service of this node reaches its upstreams
#
# @param declared its declaration
# @param running the services that run on the node
# @param beyond what is beyond the node, as `flask_microservice::way_to` takes it
# @return the way to each upstream that there is one to
#
# @api private
function flask_microservice::ways(Hash $declared, Hash $running, Hash $beyond) >> Hash {
  $upstreams = $declared['upstreams'].lest || { [] }
  $ways = $upstreams.map |$_, $upstream| { [$upstream, flask_microservice::way_to($upstream, $declared, $running, $beyond)] }
  Hash($ways.filter |$_, $found| { $found[1] })
}
