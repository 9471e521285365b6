# @summary How `fleet rollout` brings a change to a tier: gives these keys of Hiera their types and defaults, and manages nothing
#
# The program reads the keys from Hiera's files at the commit that it rolls out: from a tier's file and from what all nodes read,
# not from files of roles and nodes. It reads them on the machine of whoever rolls out, where nothing can be decrypted. A share such
# as `25%` is rounded up: of two nodes it is one.
#
# @param tiers
#   The order of the tiers, for all of them: in `common.yaml`. Those that are not named come last, in alphabetical order.
# @param canary
#   How many nodes of the tier change before all others; `0` for none.
# @param batch
#   How many nodes change in each wave after that.
# @param max_parallel
#   How many nodes of one service may change at the same time, whatever the sizes of canary and batches are.
# @param max_unreachable
#   How many nodes may be missing before the rollout pauses.
# @param watch
#   For how many seconds the changed services are watched in each wave, once they serve.
# @param deadline
#   How many seconds a wave may take until its nodes serve what they should.
# @param pause_deadline
#   After how many seconds a pause ends by itself, by taking the rollout back in this tier; `0` for never.
# @param no_traffic
#   What happens if a wave had too few requests to be judged by: `pause`, or `verify_only`, go on with what the checks of the nodes say.
# @param least_requests
#   Below how many requests to the changed nodes, in the time of `watch`, a service had too few.
# @param error_ratio
#   Which share of a service's answers may be failures, from 0 to 1, beyond the share that failed on unchanged nodes and before.
# @param latency_ratio
#   How many times the latency of the unchanged nodes, and of before, that of the changed ones may be.
# @param webhook
#   Where a message goes, as JSON, when a rollout starts, pauses and ends. A secret part is written `{token}`: it comes from the
#   variable `FLEET_WEBHOOK_TOKEN` of whoever rolls out.
# @param check_seconds
#   How many seconds each of the control repository's own checks may take.
#
# @example In Hiera, for a tier
#   profile::rollout::canary: 2
#   profile::rollout::batch: '10%'
#   profile::rollout::watch: 300
class profile::rollout (
  Array[String[1]] $tiers = [],
  Profile::Share $canary = 1,
  Profile::Positive_share $batch = '25%',
  Profile::Positive_share $max_parallel = '25%',
  Profile::Share $max_unreachable = '10%',
  Integer[0, 86400] $watch = 60,
  Integer[1, 86400] $deadline = 900,
  Integer[0] $pause_deadline = 0,
  Enum['pause', 'verify_only'] $no_traffic = 'pause',
  Integer[1] $least_requests = 100,
  Variant[Float[0.0, 1.0], Integer[0, 1]] $error_ratio = 0.01,
  Variant[Float[1.0], Integer[1]] $latency_ratio = 2.0,
  Optional[Stdlib::HTTPSUrl] $webhook = undef,
  Integer[1, 3600] $check_seconds = 60,
) {
}
