# @summary How many requests a service serves at a time on one machine
#
# @param declared what is declared of it, as in `flask_microservice::services`
# @return its threads, those of all its workers
#
# @example For a balancer in front of it
#   flask_microservice::threads({ 'port' => 7001, 'workers' => 4 })  # 32
function flask_microservice::threads(Flask_microservice::Declaration $declared) >> Integer[1] {
  # As flask_microservice::service has them.
  $workers = $declared['workers'].lest || { 2 }
  $threads = $declared['threads'].lest || { 8 }
  $workers * $threads
}
