# @summary Where a service is asked over HTTP: scheme, host, and maybe a port and a path, without a slash at the end
#
# @example
#   'https://legacy.example.org:8443/api'
type Flask_microservice::Base_url = Pattern[
  /\Ahttps?:\/\/([a-z0-9]([a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(:[0-9]{1,5})?(\/[A-Za-z0-9._~-]+)*\z/
]
