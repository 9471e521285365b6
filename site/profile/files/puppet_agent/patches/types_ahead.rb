# frozen_string_literal: true

module PuppetPatches
  # The types that plugins bring are loaded while the server compiles: those that the last catalog had.
  module TypesAhead
    class << self
      def ask
        environment = Puppet.lookup(:current_environment)
        @errors = {}
        @loading = Thread.new { Puppet.override(current_environment: environment) { load_all } }
      end

      def wait
        @loading&.join
        @loading = nil
      end

      # What has not loaded matters where the catalog needs it. Puppet would not notice any more: it has part of it.
      def miss(catalog)
        @errors&.each { |name, error| raise error if catalog.resources.any? { |resource| resource.type.casecmp?(name) } }
      end

      private

      def load_all
        fetched = Dir.glob('*.rb', base: File.join(Puppet[:plugindest], 'puppet', 'type')).map { |file| file.delete_suffix('.rb') }
        (fetched & CatalogAhead.types).each { |name| load_type(name) }
      end

      def load_type(name)
        Puppet::Type.type(name)
      rescue StandardError, ScriptError => error
        @errors[name] = error
      end
    end

    # For the class that runs the agent.
    module Run
      def retrieve_new_catalog(*)
        super
      ensure
        TypesAhead.wait
      end

      def convert_catalog(catalog, *)
        TypesAhead.miss(catalog)
        super
      end
    end
  end

  define 'types_ahead', relies_on: %w[puppet/configurer.rb puppet/metatype/manager.rb], needs: %w[catalog_ahead] do
    Puppet::Configurer.prepend(TypesAhead::Run)
  end
end
