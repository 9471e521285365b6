# @summary Two configs as one, key by key
#
# @param under what counts where the other says nothing
# @param over what counts
# @return section => key => value
#
# @api private
function flask_microservice::merged(
  Hash $under,
  Hash $over,
) >> Hash {
  $under + Hash($over.map |$section, $keys| { [$section, $under[$section].lest || { {} } + $keys] })
}
