# @summary What is wrong with the secret environment variables of one service
#
# @param service the service's name
# @param declared its declaration, which names some
# @param secret_environment flask_microservice::secret_environment, of all services
# @return one sentence a problem, which never holds a secret's value; none if all is well
#
# @api private
function flask_microservice::environment_problems(
  Flask_microservice::Name $service,
  Hash $declared,
  Sensitive[Hash] $secret_environment,
) >> Array[String[1]] {
  $declared['secret_environment'].map |$_, $variable| {
    $what = "service ${service} has the secret environment variable ${variable}"
    $missing = $secret_environment.unwrap.dig($service, $variable) ? {
      undef   => ["${what} without a value: add it, encrypted, to flask_microservice::secret_environment (${service})"],
      default => [],
    }
    $open = $declared.dig('environment', $variable) ? {
      undef   => [],
      default => ["${what} in 'environment' too, in plain text: take it from there in flask_microservice::services (${service})"],
    }
    $missing + $open
  }.flatten
}
