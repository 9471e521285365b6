# frozen_string_literal: true

require 'puppet/indirector/facts/puppetdb'
require 'patches/puppetdb_commands'

# PuppetDB's own terminus, which has Puppet Server hand PuppetDB its commands in the background. routes.yaml names it where
# profile::puppetserver::storage::commands_in_background says so.
class Puppet::Node::Facts::PuppetdbInBackground < Puppet::Node::Facts::Puppetdb
end

# A command such as `puppet facts upload` ends before anything has been done in the background.
PuppetPatches.apply.each { |message| Puppet.warning(message) } if defined?(Puppet::Server::HttpClient)
