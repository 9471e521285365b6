# @summary What logrotate is told about a service's log
#
# @param service the service's name
# @param file its log
# @param log how long it is kept
# @return the text of its file in /etc/logrotate.d
#
# @see logrotate(8)
#
# @api private
function flask_microservice::logrotate_text(
  Flask_microservice::Name $service,
  Stdlib::Absolutepath $file,
  Flask_microservice::Log $log,
) >> String[1] {
  $keep = $log['keep'].lest || { 14 }
  $max_size = $log['max_size'].lest || { '100M' }
  $max_age = $log['max_age'] ? {
    undef   => '',
    default => "    maxage ${log['max_age']}\n",
  }
  @("FILE")
    # Written by Puppet. The service notices by itself that its log was moved, and opens the new one.
    ${file} {
        daily
        rotate ${keep}
        maxsize ${max_size}
    ${max_age}    compress
        delaycompress
        missingok
        notifempty
        create 0640 ${service} adm
        su root adm
    }
    | FILE
}
