# @summary What a service may use of its machine: what is declared, and of what is not, so much that few services reach it
#
# A service that leaks, or that somebody has taken over, leaves its machine room for the others and for whoever looks at it.
#
# @param declared what is declared
# @param workers how many processes answer requests
# @param threads how many requests each of them serves at a time
# @return the limits; of processor time there is none if none is declared
#
# @example
#   flask_microservice::limits({ 'memory' => '2G' }, 2, 8)
#   # { 'memory' => '2G', 'tasks' => 512, 'files' => 4096, 'shared_memory' => '64M' }
function flask_microservice::limits(
  Flask_microservice::Limits $declared,
  Integer[1, 1000] $workers,
  Integer[1, 1000] $threads,
) >> Flask_microservice::Limits {
  $defaults = {
    'memory'        => '75%',
    # Each worker has a thread more than serve requests, and its libraries may have some of their own.
    'tasks'         => max(512, 4 * $workers * ($threads + 1)),
    'files'         => 4096,
    'shared_memory' => '64M',
  }
  $defaults + $declared
}
