# frozen_string_literal: true

require 'json'

module PuppetPatches
  # The units and packages of the last catalog are asked for, of systemd and dpkg, while the server compiles the next one: what
  # the last run needed is mostly what this one does. What else is needed is asked for in its time.
  module CatalogAhead
    SECONDS = 10 # an older answer is not used

    class << self
      def ask
        @began = Time.now
        @last = Thread.new { last }
        @asking = Thread.new { [*ask_services, *ask_packages] }
        [@last, @asking].each { |thread| thread.report_on_exception = false }
      end

      # The types of the last catalog, as their files name them.
      def types
        @last.value.keys.map(&:downcase)
      rescue StandardError
        []
      end

      def services(units)
        known, words, = answers
        words if known && (units - known).empty?
      end

      def packages(names)
        _, _, known, output = answers
        output if known && (names - known).empty?
      end

      private

      # There are none where there was no catalog, or one that can't be read: then all is asked for when it is needed.
      def answers
        @asking.value if @asking && Time.now - @began < SECONDS
      rescue StandardError
        @asking = nil
      end

      def ask_services
        return [nil, nil] unless PuppetPatches.applied?('systemd_services')

        units = names('Service').grep_v(SystemdServices::PATTERN)
        [units, SystemdServices.ask(units)]
      end

      def ask_packages
        return [nil, nil] unless PuppetPatches.applied?('apt_packages')

        packages = names('Package')
        [packages, AptPackages.ask(packages)]
      end

      # The resources of the last catalog, by their types.
      def last
        file = File.join(Puppet[:client_datadir], 'catalog', "#{Puppet[:node_name_value]}.json")
        JSON.parse(File.read(file)).fetch('resources').group_by { |resource| resource['type'] }
      end

      def names(type)
        @last.value.fetch(type, []).map { |resource| resource.dig('parameters', 'name') || resource['title'] }.uniq
      end
    end

    # For the client of HTTP: what is sent for a catalog is ready now, and the server is waited for from here on.
    module Waiting
      def post(url, *, **)
        if url.path.include?('/catalog/') && Puppet[:prerun_command].empty? # that may change what was asked for
          CatalogAhead.ask
          # With an environment that the server may not give, the plugins may be others once it has answered.
          TypesAhead.ask if PuppetPatches.applied?('types_ahead') && !Puppet.settings.set_by_cli?(:environment)
        end
        super
      end
    end
  end

  define 'catalog_ahead', relies_on: %w[puppet/http/client.rb puppet/http/service/compiler.rb puppet/configurer.rb] do
    Puppet::HTTP::Client.prepend(CatalogAhead::Waiting)
  end
end
