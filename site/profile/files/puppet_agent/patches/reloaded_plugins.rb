# frozen_string_literal: true

module PuppetPatches
  # After the plugins Puppet looks whether any of the files that it has loaded has changed. The preloaded agent watches those of
  # packages already: what is left are those in whose place a plugin has come.
  module ReloadedPlugins
    def reload_changed(environment)
      plugins = Dir.glob('**/*.rb', base: Puppet[:plugindest]).to_h { |file| [file.delete_suffix('.rb'), true] }
      loaded.keys.each { |file| load_file(file, environment) if plugins[file] && changed?(file, environment) }
    end
  end

  define 'reloaded_plugins', relies_on: %w[puppet/util/autoload.rb] do
    Puppet::Util::Autoload.singleton_class.prepend(ReloadedPlugins)
  end
end
