# frozen_string_literal: true

require 'puppet_patches/loader'

module PuppetPatches
  # Whether a hash is of a type that has a name is found out once for all nodes that get the same one, as most get from Hiera.
  # Puppet looks through it for each node, and for each key that a service's declaration does not have.
  module CheckedValues
    LIMIT = 10_000

    # A guard is there inside of a type that contains itself, and decides with what it has seen: then nothing is kept.
    def instance?(value, guard = nil)
      return super if guard || !value.instance_of?(Hash)

      @checked ||= {}
      @checked.clear if @checked.size >= LIMIT
      @checked.fetch(value) { @checked[value] = super(value, guard) }
    end
  end

  define('checked_values', relies_on: %w[puppet/pops/types/types.rb]) { Puppet::Pops::Types::PTypeAliasType.prepend(CheckedValues) }
end
