# @summary The name of an environment variable of a service
#
# Not of those that systemd and this module set for the switch of releases.
type Flask_microservice::Variable = Pattern[/\A(?!FLASK_MICROSERVICE_|LISTEN_|NOTIFY_SOCKET\z)[A-Za-z_][A-Za-z0-9_]*\z/]
