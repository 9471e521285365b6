# frozen_string_literal: true

# Compiles catalogs as the Puppet server would, all in one process:
#
#   ruby compile.rb < nodes.json > catalogs.json
#
# nodes.json: [{"certname": ..., "extensions": {"pp_role": ..., "pp_environment": ...}, "environment": DIRECTORY,
# "facts": {...}, "code": Puppet code in the place of manifests/site.pp, if given}, ...]
# What a node exports, those after it in the list collect, as if it had reached PuppetDB by then.
# catalogs.json: one entry a node, in the same order: {"version": ..., "resources": [...]} or {"error": MESSAGE}; the latter also
# for a catalog that compiles, and that no agent could apply.
require 'json'
require 'puppet'
require 'puppet/graph'
require 'puppet/indirector/code'
require 'tmpdir'

# In the place of PuppetDB: answers a collector with what the nodes before have exported.
class Puppet::Resource::Exported < Puppet::Indirector::Code
  class << self
    def all
      @all ||= []
    end
  end

  def search(request)
    found = self.class.all.select do |resource|
      resource.type == request.key && matches?(resource, request.options[:filter])
    end
    found.map { |resource| copy(resource, request.options[:scope]) }
  end

  private

  def matches?(resource, filter)
    left, operator, right = filter
    case operator
    when nil then true
    when 'and' then matches?(resource, left) && matches?(resource, right)
    when 'or' then matches?(resource, left) || matches?(resource, right)
    when '==' then resource[left] == right
    when '!=' then resource[left] != right
    else raise ArgumentError, "a collector with the operator #{operator}"
    end
  end

  def copy(resource, scope)
    parameters = resource.to_hash.map do |name, value|
      Puppet::Parser::Resource::Param.new(name: name, value: value, source: scope.source)
    end
    Puppet::Parser::Resource.new(resource.type, resource.title, scope: scope, source: scope.source,
                                                                exported: true, parameters: parameters)
  end
end

# What an agent would refuse: resources that wait for each other.
def cycles(catalog, environment)
  $LOAD_PATH.replace($LOAD_PATH | environment.modules.map { |mod| File.join(mod.path, 'lib') })
  graph = Puppet::Graph::RelationshipGraph.new(Puppet::Graph::SequentialPrioritizer.new)
  graph.populate_from(catalog.to_ral)
  graph.find_cycles_in_graph.map { |cycle| cycle.map(&:ref).join(', ') }
end

def compile(certname:, environment:, facts:, extensions: {}, code: nil)
  directory = File.dirname(environment)
  environments = Puppet::Environments::Directories.new(directory, [])
  trusted = Puppet::Context::TrustedInformation.new('remote', certname, extensions)
  Puppet[:environmentpath] = directory
  Puppet[:code] = code.to_s
  Puppet.override(environments: environments, trusted_information: trusted, rich_data: true) do
    node_environment = environments.get!(File.basename(environment).to_sym)
    Puppet.override(current_environment: node_environment) do
      node = Puppet::Node.new(certname, environment: node_environment)
      # An agent adds these two itself.
      facts = facts.merge('clientcert' => certname, 'clientversion' => Puppet.version)
      node.fact_merge(Puppet::Node::Facts.new(certname, facts))
      node.add_server_facts('serverversion' => Puppet.version, 'servername' => 'test', 'serverip' => '127.0.0.1')
      node.trusted_data = trusted.to_h
      compiled = Puppet::Parser::Compiler.compile(node)
      Puppet::Resource::Exported.all.concat(compiled.resources.select(&:exported))
      catalog = compiled.filter(&:virtual?)
      waiting = cycles(catalog, node_environment)
      return { 'error' => "these wait for each other: #{waiting.join('; ')}" } unless waiting.empty?

      # The wire format: what an agent and PuppetDB get.
      JSON.parse(catalog.to_json).slice('version', 'resources')
    end
  end
rescue Puppet::Error => e
  { 'error' => e.message }
end

Dir.mktmpdir do |directory|
  Puppet.initialize_settings(['--confdir', directory, '--vardir', directory])
  Puppet.settings.preferred_run_mode = :server
  Puppet[:strict] = :error
  Puppet[:strict_variables] = true
  Puppet[:storeconfigs] = true
  Puppet::Resource.indirection.terminus_class = :exported
  # Nothing but what the environment brings: a module that happens to be installed here may be missing on the server.
  Puppet[:basemodulepath] = ''
  Puppet::Util::Log.level = :warning
  Puppet::Util::Log.newdestination(:console)

  nodes = JSON.parse($stdin.read)
  puts JSON.generate(nodes.map { |node| compile(**node.transform_keys(&:to_sym)) })
end
