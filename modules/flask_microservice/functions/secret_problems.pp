# @summary What is wrong with the secrets of one service
#
# @param service the service's name
# @param declared its declaration
# @param secrets flask_microservice::secrets, of all services
# @return one sentence a problem, which never holds a secret's value; none if all is well
#
# @api private
function flask_microservice::secret_problems(
  Flask_microservice::Name $service,
  Hash $declared,
  Sensitive[Hash] $secrets,
) >> Array[String[1]] {
  $declared['secrets'].lest || { {} }.map |$section, $keys| {
    $keys.map |$_, $key| {
      $what = "service ${service} has the secret ${key} of section ${section}"
      # An empty one counts as missing: a service takes it as "none is set" and makes do with something weaker.
      $missing = $secrets.unwrap.dig($service, $section, $key) ? {
        Variant[Undef, Enum['']] => ["${what} without a value: add it, encrypted, to flask_microservice::secrets (${service})"],
        default                  => [],
      }
      $open = $declared.dig('config', $section, $key) ? {
        undef   => [],
        default => ["${what} in 'config' too, in plain text: take it from there in flask_microservice::services (${service})"],
      }
      $missing + $open
    }
  }.flatten
}
