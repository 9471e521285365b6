# frozen_string_literal: true

require 'digest'
require 'json'
require 'puppet'
require 'puppet/graph'
require 'puppet/pops/evaluator/deferred_resolver'

# Agents run as root, and types ask for that; here nobody does.
Puppet.features.add(:root) { true }

# What an agent would refuse of a catalog that compiles: resources that wait for each other, values that a type does not take.
module Applicable
  ORDERING = %w[alias before notify require stage subscribe].freeze

  class << self
    # Raises Puppet::Error. `resources` are those of the catalog as they go over the wire.
    def check(catalog, resources, environment)
      shape = shape(resources)
      seen[shape] = problem(catalog, environment) unless seen.key?(shape)
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
      else value.is_a?(Puppet::Pops::Types::TypeFactory.deferred.implementation_class)
      end
    end
  end
end
