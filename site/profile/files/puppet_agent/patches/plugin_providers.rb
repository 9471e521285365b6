# frozen_string_literal: true

module PuppetPatches
  # Puppet looks for the providers of a type when it loads the type, which a run that starts from nothing does after it has
  # fetched the plugins. In a process that has loaded the types long before, it has to look again. Without this patch no run can
  # be a fork of such a process: the preloaded agent then starts each run from nothing.
  module PluginProviders
    def download_plugins(*)
      super.tap { load_providers }
    end

    def prepare_and_retrieve_catalog_from_cache(*)
      Puppet::Util::Autoload.reload_changed(Puppet.lookup(:current_environment))
      load_providers
      super
    end

    private

    def load_providers
      directory = File.join(Puppet[:plugindest], 'puppet', 'provider')
      fetched = Dir.glob('*/*.rb', base: directory).map { |file| file.delete_suffix('.rb').split('/') }
      Puppet::Type.eachtype do |type|
        names = fetched.filter_map { |of, name| name if of == type.name.to_s && !type.providerloader.loaded?(name) }
        names.each { |name| load_provider(type, name) }
      end
      OwnPackages.use if PuppetPatches.applied?('own_packages')
    end

    # One that does not load has said so; it is missed where the catalog needs it.
    def load_provider(type, name)
      type.providerloader.load(name, Puppet.lookup(:current_environment))
    rescue Puppet::Error
      nil
    end
  end

  define 'plugin_providers', relies_on: %w[puppet/configurer.rb puppet/type.rb puppet/util/autoload.rb] do
    Puppet::Configurer.prepend(PluginProviders)
  end
end
