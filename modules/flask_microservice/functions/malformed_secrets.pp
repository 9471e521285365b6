# @summary Which values of secrets no config file can hold, in words for whoever encrypted them
#
# The data type alone would say it as well; but of something Sensitive, Puppet names the whole type and not the place.
#
# @param secrets flask_microservice::secrets, of all services
# @return one sentence a problem, which never holds a secret's value; none if all are well
#
# @example A password that was encrypted with the line break after it, and another one
#   flask_microservice::malformed_secrets(Sensitive({ 'orders' => { 'database' => { 'password' => "hush\nhush" } } }))
#   # ['the secret password of section database of service orders has a line break in it: encrypt it anew ...']
function flask_microservice::malformed_secrets(
  Sensitive[Hash] $secrets,
) >> Array[String[1]] {
  if $secrets.unwrap =~ Flask_microservice::Secrets {
    []
  } else {
    $place = 'in flask_microservice::secrets'
    $secrets.unwrap.map |$service, $sections| {
      if $service !~ Flask_microservice::Name {
        ["'${service}' ${place} can't be a service's name"]
      } elsif $sections !~ Hash {
        ["the secrets of service ${service} are no hash of sections: mend them ${place} (${service})"]
      } else {
        $sections.map |$section, $keys| {
          if $section !~ Flask_microservice::Key {
            ["service ${service} has secrets in the section '${section}': write it in lower case ${place} (${service})"]
          } elsif $keys !~ Hash {
            ["the secrets of section ${section} of service ${service} are no hash of keys: mend them ${place} (${service})"]
          } else {
            $keys.map |$key, $value| {
              $fault = $value ? {
                Flask_microservice::Value        => undef,
                Undef                            => 'has no value: add it, encrypted,',
                Pattern[/\0/]                    => 'has a NUL in it: encrypt it anew without',
                Pattern[/[^\r\n][\r\n]+[^\r\n]/] => 'has a line break in it: encrypt it anew in one line',
                String                           => 'has blanks or a line break at its ends: encrypt it anew without',
                Numeric                          => 'is a number of more than 64 bits: encrypt it as a text',
                default                          => 'is neither text nor number: encrypt one value',
              }
              if $key !~ Flask_microservice::Key {
                ["service ${service} has the secret '${key}' in section ${section}: write it in lower case ${place} (${service})"]
              } elsif $fault {
                ["the secret ${key} of section ${section} of service ${service} ${fault} ${place} (${service})"]
              } else {
                []
              }
            }
          }
        }
      }
    }.flatten
  }
}
