# frozen_string_literal: true

module PuppetPatches
  # Which facts are blocked: by name, where Facter makes a pattern of each name for each fact that there is.
  module FacterBlocklist
    private

    def construct_reject_lists(names, facts)
      return super unless names.all?(/\A\w+\z/)

      facts.select { |fact| names.any? { |name| fact.name == name || fact.name.start_with?("#{name}.") } }
           .partition { |fact| fact.type == :core }
    end
  end

  define 'facter_blocklist', relies_on: %w[facter/framework/core/fact_loaders/fact_loader.rb] do
    Facter::FactLoader.prepend(FacterBlocklist)
  end
end
