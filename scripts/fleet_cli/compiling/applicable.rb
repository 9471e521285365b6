# frozen_string_literal: true

require 'digest'
require 'json'
require 'socket'
require 'timeout'
require 'puppet'
require 'puppet/confine'
require 'puppet/graph'
require 'puppet/pops/evaluator/deferred_resolver'

# Agents run as root, and types ask for that; here nobody does.
Puppet.features.add(:root) { true }

# Which provider a node takes, its own facts say. What else providers ask for, such as programs, it has; this machine may not.
module OfNodes
  class << self
    attr_reader :facts

    def with(facts)
      @facts = facts if facts.key?('os')
      Puppet.runtime[:facter].singleton_class.prepend(Facts)
      yield
    ensure
      @facts = nil
    end
  end

  # In the place of Facter's.
  module Facts
    def value(name)
      return super unless OfNodes.facts

      name.to_s.split('.').reduce(OfNodes.facts) { |value, key| value.is_a?(Hash) ? value[key] : nil }
    end
  end

  # What a provider asks of the machine.
  module Fulfilled
    def valid?
      true
    end
  end
  %i[exists true].each { |kind| Puppet::Confine.test(kind).prepend(Fulfilled) }
end

# What an agent would refuse of a catalog that compiles: resources that wait for each other, values that a type does not take.
module Applicable
  ORDERING = %w[alias before notify require stage subscribe].freeze
  # What a type asks of the machine that it runs on, such as the address of a host: a node has another answer.
  OF_MACHINES = [IOError, SystemCallError, SocketError, Timeout::Error, Puppet::ExecutionFailure].freeze

  class << self
    # Raises Puppet::Error. `resources` are those of the catalog as they go over the wire, `facts` those of its node.
    def check(catalog, resources, environment, facts)
      shape = shape(resources)
      seen[shape] = OfNodes.with(facts) { problem(catalog, environment) } unless seen.key?(shape)
      raise Puppet::Error, seen[shape] if seen[shape]
    end

    private

    def seen
      @seen ||= {}
    end

    # All that counts here. Nodes that are alike in all else differ in the text of files, which orders nothing, and in what
    # classes are given, which is not applied.
    def shape(resources)
      counts = resources.map do |resource|
        parameters = resource['parameters'] || {}
        applied = resource['kind'] == 'compilable_type' ? parameters.except('content') : parameters.slice(*ORDERING)
        [resource['type'], resource['title'], applied]
      end
      Digest::SHA256.digest(JSON.generate(counts))
    end

    # Every catalog is translated to the types of its own environment, whose libraries are loaded on demand.
    def problem(catalog, environment)
      $LOAD_PATH.replace($LOAD_PATH | environment.modules.map { |mod| File.join(mod.path, 'lib') })
      graph = Puppet::Graph::RelationshipGraph.new(Puppet::Graph::SequentialPrioritizer.new)
      leave_to_nodes(catalog)
      graph.populate_from(catalog.to_ral)
      cycles = graph.find_cycles_in_graph.map { |cycle| cycle.map(&:ref).join(', ') }
      "these wait for each other: #{cycles.join('; ')}" unless cycles.empty?
    rescue StandardError => e
      raise unless of_machine?(e)
    end

    def of_machine?(error)
      error && (OF_MACHINES.any? { |kind| error.is_a?(kind) } || of_machine?(error.cause))
    end

    # What a Deferred comes to, only the node finds out: a type takes any such value, as it does there.
    def leave_to_nodes(catalog)
      later = Puppet::Pops::Evaluator::DeferredValue.new(-> {})
      catalog.resources.each do |resource|
        deferred = resource.to_hash.select { |_, value| deferred?(value) }.keys
        deferred.each { |name| resource[name] = later }
      end
    end

    def deferred?(value)
      case value
      when Array then value.any? { |one| deferred?(one) }
      when Hash then value.any? { |pair| deferred?(pair) }
      when Puppet::Pops::Types::PSensitiveType::Sensitive then deferred?(value.unwrap)
      else value.is_a?(Puppet::Pops::Types::PuppetObject) && value._pcore_type.name == 'Deferred'
      end
    end
  end
end
