# @summary The secrets of one service, with their values
#
# @param service the service's name
# @param declared its declaration, which names the secret keys
# @param secrets flask_microservice::secrets, of all services
# @return section => key => value of those that the service declares and that have a value
#
# @api private
function flask_microservice::secrets_of(
  Flask_microservice::Name $service,
  Flask_microservice::Declaration $declared,
  Sensitive[Hash[Flask_microservice::Name, Flask_microservice::Config]] $secrets,
) >> Sensitive[Flask_microservice::Config] {
  $values = $secrets.unwrap[$service].lest || { {} }
  $wanted = $declared['secrets'].lest || { {} }.map |$section, $keys| {
    [$section, $values[$section].lest || { {} }.filter |$key, $value| { $key in $keys }]
  }
  Sensitive(Hash($wanted))
}
