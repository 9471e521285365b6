# frozen_string_literal: true

require 'puppet/node'
require 'puppet/indirector/plain'
require 'deploys/answers'

# Says which environment a node is in, and nothing else: no class, no parameter. routes.yaml names it. What can't be told fails
# the request; a node is never left with an environment that is empty or was asked for.
class Puppet::Node::Answers < Puppet::Indirector::Plain
  desc 'Says which deployed commit a node is given, by the answers that deploy-environment has written.'

  def find(request)
    node = super
    run = request.options[:transaction_uuid]
    node.environment = Deploys.answers.environment(request.key, Deploys.tier(request.key), asked(request), run)
    merge_facts(node, request.options)
    node
  end

  # A node asks in the environment that it knows: it may be gone, or never have been.
  def require_environment?
    false
  end

  private

  # Its name, which has no environment where there is none of that name.
  def asked(request)
    environment = request.environment
    (environment.respond_to?(:name) ? environment.name : environment).to_s
  end

  # An agent asks for its environment only, and does not wait for PuppetDB. A compiler says which facts it has, if any.
  def merge_facts(node, options)
    return unless options.key?(:facts)

    node.fact_merge(options[:facts].is_a?(Puppet::Node::Facts) ? options[:facts] : nil)
  end
end
