# @summary The machine that the others get their catalogs, their packages and their certificates from
#
# The order is that of the slow starts: Puppet Server and PuppetDB start in the background while what follows is applied.
#
# @example By hand, where the certificate does not say it
#   include role::puppetserver
class role::puppetserver {
  include profile::base
  include profile::puppet_agent
  include profile::firewall
  include profile::operators
  include profile::puppetserver
  include profile::puppetdb
  include profile::r10k
  include profile::apt_repository
  include profile::operators::server
}
