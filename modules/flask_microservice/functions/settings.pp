# @summary Everything that goes into a service's config file, the secrets among it
#
# @param config what may be read by anyone
# @param secrets what may not; of a key that both have, this one counts
# @return both in one, in an order that depends on the names alone, so that a file is rewritten only if it says more or less
function flask_microservice::settings(
  Flask_microservice::Config $config,
  Sensitive[Flask_microservice::Config] $secrets,
) >> Sensitive[Flask_microservice::Config] {
  $sections = ($config.keys + $secrets.unwrap.keys).unique.sort
  $settings = $sections.map |$section| {
    $open = $config[$section].lest || { {} }
    $secret = $secrets.unwrap[$section].lest || { {} }
    [$section, Hash(Array($open + $secret).sort |$a, $b| { compare($a[0], $b[0]) })]
  }
  Sensitive(Hash($settings))
}
