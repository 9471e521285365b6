# frozen_string_literal: true

require 'puppet/file_serving/content'
require 'puppet/indirector/file_content'
require 'puppet/indirector/file_content/file_server'
require 'deploys/answers'

# The file server's own, for the nodes that are given the environment. routes.yaml names it.
class Puppet::Indirector::FileContent::GivenOnly < Puppet::Indirector::FileContent::FileServer
  include Deploys::GivenOnly

  desc 'Serves what is in files to the nodes that are given their environment.'
end
