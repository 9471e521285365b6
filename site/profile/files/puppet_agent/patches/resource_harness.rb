# frozen_string_literal: true

module PuppetPatches
  # Knows whether this run has tried to change a resource of the node's catalog, which plugins and settings are not in: from then
  # on, what was asked before may no longer be so. It makes nothing faster by itself; systemd_services and apt_packages need it.
  module ResourceHarness
    class << self
      attr_accessor :changing
    end

    def sync(event, parameter, *)
      ResourceHarness.changing = true if parameter.resource.catalog&.host_config?
      super
    end

    def evaluate(resource)
      super.tap do |status|
        ResourceHarness.changing = true if resource.catalog.host_config? && (status.failed || status.events.any?)
      end
    end
  end

  define 'resource_harness', relies_on: %w[puppet/transaction/resource_harness.rb] do
    Puppet::Transaction::ResourceHarness.prepend(ResourceHarness)
  end
end
