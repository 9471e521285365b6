# @summary Two configs as one, key by key
#
# @param under what counts where the other says nothing
# @param over what counts
# @return section => key => value
#
# @api private
function flask_microservice::merged(
  Flask_microservice::Config $under,
  Flask_microservice::Config $over,
) >> Flask_microservice::Config {
  $under + Hash($over.map |$section, $keys| { [$section, $under[$section].lest || { {} } + $keys] })
}
