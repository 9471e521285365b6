# @summary A machine that runs the fleet's microservices
#
# @example By hand, where the certificate does not say it
#   include role::app
class role::app {
  include profile::base
  include profile::puppet_agent
  include profile::firewall
  include profile::operators
  include profile::microservices
  include profile::log_shipping
  include profile::load_balancer::members
}
