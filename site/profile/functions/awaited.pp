# @summary What a node waits for before it gives a service up
#
# @param name the service
# @param new the other nodes that it is placed on; undef where PuppetDB does not know this node
# @param gateways flask_microservice::gateways
# @param told what `profile::runs_of_tier` returns
# @return a part of a sentence; undef if there is nothing to wait for
#
# @api private
function profile::awaited(
  Flask_microservice::Name $name,
  Optional[Array[String]] $new,
  Hash $gateways,
  Hash $told,
) >> Optional[String[1]] {
  $known = Hash($told['resources'].map |$_, $row| { [[$row['certname'], $row['type'], $row['title']].join(' '), true] })
  $balancers = $told['resources'].filter |$_, $row| {
    $row['type'] == 'Profile::Load_balancer::Service' and $row['title'] == $name
  }.map |$_, $row| { $row['certname'] }.unique
  $gateway = $gateways.filter |$_, $its| { flask_microservice::balanced_by($its, $name) }.keys[0]

  $late = $new.lest || { [] }.filter |$_, $node| {
    !($node in $told['ran'] and "${node} Profile::Load_balancer::Member ${name} on ${node}" in $known)
  }
  $behind = $balancers.filter |$_, $balancer| {
    !($balancer in $told['ran'])
    or !($new.lest || { [] }.all |$_, $node| { "${balancer} Profile::Load_balancer::Member ${name} on ${node}" in $known })
  }
  $do = $late.length ? {
    1       => 'does',
    default => 'do',
  }
  if $new =~ Undef {
    'PuppetDB does not know this node yet'
  } elsif $balancers.empty and !$gateway {
    undef
  } elsif $new.empty {
    'no node that it is placed on has had a run'
  } elsif !$late.empty {
    "${late.sort.join(', ')} ${do} not serve it yet"
  } elsif $balancers.empty {
    "the balancer ${gateway} has not had a run with it"
  } elsif !$behind.empty {
    "the balancer ${behind.sort.join(', ')} has not had a run since its new nodes serve it"
  } else {
    undef
  }
}
