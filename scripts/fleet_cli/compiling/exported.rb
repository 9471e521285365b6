# frozen_string_literal: true

require 'puppet'
require 'puppet/indirector/code'

# In the place of PuppetDB: answers a collector with what other nodes export.
class Puppet::Resource::Exported < Puppet::Indirector::Code
  class << self
    attr_reader :chosen

    # The newest set is enough: requests come a side after the other.
    def define(name, resources)
      @sets ||= {}
      @sets.shift while @sets.size >= 2
      @sets[name] = resources.map { |entry| [entry['certname'], Puppet::Resource.from_data_hash(entry)] }
    end

    # What a node finds: all but its own, which are in its catalog already.
    def choose(name, certname)
      found = name ? @sets.fetch(name) : []
      @chosen = found.filter_map { |owner, resource| resource unless owner == certname }
    end
  end

  def search(request)
    Inputs.collected(request.key)
    found = self.class.chosen.select do |resource|
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
