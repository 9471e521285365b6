# frozen_string_literal: true

require 'open3'

module PuppetPatches
  # dpkg is asked for those packages alone that the catalog has, and apt's marks only where it sets some: apt reads all its lists
  # for them. Puppet asks for all packages and all marks.
  module AptPackages
    # What dpkg says of packages, a line for each that it knows.
    def self.ask(names)
      provider = Puppet::Type.type(:package).provider(:apt)
      format = provider::DPKG_QUERY_FORMAT_STRING.delete("'")
      output, status = Open3.capture2(provider.command(:dpkgquery), '-W', '--showformat', format, '--', *names, err: File::NULL)
      output if [0, 1].include?(status.exitstatus) # 1: some of them it does not know
    end

    # The same, from before, where it was asked and still holds.
    def self.ahead(names)
      CatalogAhead.packages(names) if PuppetPatches.applied?('catalog_ahead') && !ResourceHarness.changing
    end

    def prefetch(packages)
      return super if packages.each_value.any? { |package| package[:mark] }

      output = AptPackages.ahead(packages.keys) || AptPackages.ask(packages.keys)
      return super unless output

      output.each_line(chomp: true).filter_map { |line| parse_line(line) }.each do |known|
        # One that is known by name alone may be provided by another.
        next if known[:status] == 'not-installed' || !packages.key?(known[:name])

        packages[known[:name]].provider = new(known)
      end
    end
  end

  define 'apt_packages', relies_on: %w[puppet/provider/package/apt.rb puppet/provider/package/dpkg.rb puppet/transaction.rb],
                         needs: %w[resource_harness] do
    Puppet::Type.type(:package).provider(:apt).singleton_class.prepend(AptPackages)
  end
end
