# @summary Everything that goes into a service's config file, the secrets among it
#
# @param config what may be read by anyone
# @param secrets what may not; of a key that both have, this one counts
# @return both in one, in an order that depends on the names alone, so that a file is rewritten only if it says more or less
function flask_microservice::settings(
  Hash $config,
  Sensitive[Hash] $secrets,
) >> Sensitive[Hash] {
  $settings = flask_microservice::merged($config, $secrets.unwrap)
  $sections = Hash($settings.map |$section, $keys| { [$section, flask_microservice::sorted($keys)] })
  Sensitive(flask_microservice::sorted($sections))
}
