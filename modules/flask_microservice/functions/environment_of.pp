# @summary The secret environment variables of one service, with their values
#
# @param service the service's name
# @param declared its declaration, which names the variables
# @param secret_environment flask_microservice::secret_environment, of all services
# @return variable => value of those that the service declares and that have a value
#
# @api private
function flask_microservice::environment_of(
  Flask_microservice::Name $service,
  Hash $declared,
  Sensitive[Hash] $secret_environment,
) >> Sensitive[Hash] {
  # What is missing is named by flask_microservice::problems; a service that is absent may lack it.
  $wanted = $declared['secret_environment'] ? {
    undef   => {},
    default => ($secret_environment.unwrap[$service].lest || { {} }).filter |$variable, $_| {
      $variable in $declared['secret_environment']
    },
  }
  Sensitive($wanted)
}
