# @summary The other nodes of this tier that a service is placed on, of those that PuppetDB knows
#
# @param name the service
# @param declared its declaration
# @param groups flask_microservice::groups
# @param told what `profile::runs_of_tier` returns
# @return their certnames; undef where PuppetDB does not even know this node
#
# @api private
function profile::others_with(
  Flask_microservice::Name $name,
  Hash $declared,
  Hash $groups,
  Hash $told,
) >> Optional[Array[String]] {
  $nodes = $told['resources'].filter |$_, $row| { $row['type'] == 'Class' }.map |$_, $row| { $row['certname'] }
  $others = ($nodes - $trusted['certname']).filter |$_, $certname| {
    $name in flask_microservice::placement({ $name => $declared }, $groups, $certname)['here']
  }
  $trusted['certname'] in $nodes ? {
    true    => $others,
    default => undef,
  }
}
