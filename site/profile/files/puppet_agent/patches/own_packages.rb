# frozen_string_literal: true

module PuppetPatches
  # What apt_packages asked of dpkg ahead answers the provider of the packages of microservices, too. That provider is this
  # repository's own, and comes with the plugins: plugin_providers patches it when it is there.
  module OwnPackages
    def observe(names)
      output = AptPackages.ahead(names)
      return super unless output

      known = output.each_line(chomp: true).filter_map { |line| parse_line(line) }.to_h { |status| [status[:name], status] }
      known.slice(*names)
    end

    def self.use
      Puppet::Type.type(:package).provider(:flask_microservice)&.singleton_class&.prepend(self)
    end
  end

  define('own_packages', relies_on: [], needs: %w[apt_packages catalog_ahead plugin_providers]) { nil }
end
