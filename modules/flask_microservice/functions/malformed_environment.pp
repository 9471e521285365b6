# @summary Which values of secret environment variables no process can be given, in words for whoever encrypted them
#
# Of something Sensitive, Puppet would name the whole data type and not the place.
#
# @param secret_environment flask_microservice::secret_environment, of all services
# @return one sentence a problem, which never holds a secret's value; none if all are well
#
# @example A token that was encrypted with a blank after it
#   flask_microservice::malformed_environment(Sensitive({ 'orders' => { 'TOKEN' => 'hush ' } }))
#   # ['the secret environment variable TOKEN of service orders has blanks or a line break at its ends: encrypt it anew ...']
function flask_microservice::malformed_environment(
  Sensitive[Hash] $secret_environment,
) >> Array[String[1]] {
  if $secret_environment.unwrap =~ Flask_microservice::Secret_environment {
    []
  } else {
    $place = 'in flask_microservice::secret_environment'
    $secret_environment.unwrap.map |$service, $variables| {
      if $service !~ Flask_microservice::Name {
        ["'${service}' ${place} can't be a service's name"]
      } elsif $variables !~ Hash {
        ["the secret environment of service ${service} is no hash of variables: mend it ${place} (${service})"]
      } else {
        $variables.map |$variable, $value| {
          $fault = $value ? {
            Flask_microservice::Secret_text => undef,
            Variant[Undef, Enum['']]        => 'has no value: add it, encrypted,',
            Pattern[/\0/]                   => 'has a NUL in it: encrypt it anew without',
            String[30001]                   => 'has more than 30000 characters: encrypt a shorter one',
            String                          => 'has blanks or a line break at its ends: encrypt it anew without',
            default                         => 'is no text: encrypt one',
          }
          if $variable !~ Flask_microservice::Variable {
            ["service ${service} has the secret environment variable '${variable}', which can't be one's name: mend it ${place}"]
          } elsif $fault {
            ["the secret environment variable ${variable} of service ${service} ${fault} ${place} (${service})"]
          } else {
            []
          }
        }
      }
    }.flatten
  }
}
