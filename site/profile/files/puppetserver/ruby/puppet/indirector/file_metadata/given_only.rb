# frozen_string_literal: true

require 'puppet/file_serving/metadata'
require 'puppet/indirector/file_metadata'
require 'puppet/indirector/file_metadata/file_server'
require 'deploys/answers'

# The file server's own, for the nodes that are given the environment. routes.yaml names it.
class Puppet::Indirector::FileMetadata::GivenOnly < Puppet::Indirector::FileMetadata::FileServer
  include Deploys::GivenOnly

  desc 'Serves what is known of files to the nodes that are given their environment.'
end
