# @summary The name of a patch of Puppet or Facter on the machines of the fleet
#
# Each is a file of `site/profile/files/puppet_agent/patches`, which says what it changes and why.
type Profile::Agent_patch = Enum[
  'apt_packages', 'catalog_ahead', 'ended_at_once', 'facter_ahead', 'facter_answers', 'facter_blocklist',
  'facter_commands', 'facter_forgetting', 'facter_uname', 'files_of_commit', 'given_environment', 'given_options',
  'kept_report', 'message_formats', 'microservices_ahead', 'own_directories', 'own_packages', 'plugin_listing',
  'plugin_providers', 'plugins_in_place', 'received_catalog', 'reloaded_plugins', 'resource_harness', 'state_file',
  'systemd_services', 'transaction_store', 'types_ahead',
]
