# @summary The machine that keeps the databases of the fleet's services
#
# @example By hand, where the certificate does not say it
#   include role::database
class role::database {
  include profile::base
  include profile::puppet_agent
  include profile::firewall
  include profile::operators
  include profile::database
}
