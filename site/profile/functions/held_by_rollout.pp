# @summary Why this node keeps for now all that would leave it: it has its commit by a rollout that is under way in its tier
#
# A rollout may be taken back: what has left a node by then would have to be installed there anew. What leaves goes with the
# node's next run after the rollout.
#
# @param answers the file in which deploys on the Puppet server say who is given what
# @return one part of a sentence; undef if there is no such rollout. For `flask_microservice::all_held_by`
#
# @example Hiera
#   flask_microservice::all_held_by: profile::held_by_rollout
function profile::held_by_rollout(
  Stdlib::Absolutepath $answers = '/var/lib/puppet-deploys/answers.json',
) >> Optional[String[1]] {
  profile::rollout($answers).then |$number| { "rollout ${number} of its tier is under way" }
}
