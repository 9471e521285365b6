# @summary The secrets of one service, with their values
#
# @param service the service's name
# @param declared its declaration, which names the secret keys
# @param secrets flask_microservice::secrets, of all services
# @param server flask_microservice::database
# @return section => key => value of those that the service declares and that have a value, and the URL of its database
#
# @api private
function flask_microservice::secrets_of(
  Flask_microservice::Name $service,
  Hash $declared,
  Sensitive[Hash] $secrets,
  Optional[Flask_microservice::Database_server] $server,
) >> Sensitive[Hash] {
  $values = $secrets.unwrap[$service].lest || { {} }
  $wanted = Hash($declared['secrets'].lest || { {} }.map |$section, $keys| {
    [$section, $values[$section].lest || { {} }.filter |$key, $value| { $key in $keys }]
  })
  $password = $values.dig('database', 'password')
  # What is missing is named by flask_microservice::problems; a service that is absent may lack it.
  $database = if $declared['database'] and $server and $password {
    $wanted['database'].lest || { {} } + {
      'url' => flask_microservice::database_url($service, $server, Sensitive($password)).unwrap,
    }
  }
  Sensitive($wanted + ($database ? { undef => {}, default => { 'database' => $database } }))
}
