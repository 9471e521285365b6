# @summary The machine that clients reach the fleet's services through
#
# @example By hand, where the certificate does not say it
#   include role::load_balancer
class role::load_balancer {
  include profile::base
  include profile::puppet_agent
  include profile::firewall
  include profile::operators
  include profile::load_balancer
}
