# frozen_string_literal: true

module PuppetPatches
  # Puppet makes its own directories in each run by a catalog of their own: not where all are there, and their owners and
  # modes are nothing that it looks after.
  module OwnDirectories
    def use(*sections)
      super if Puppet[:manage_internal_file_permissions] || !in_place?(sections)
    end

    private

    def in_place?(sections)
      directories = @config.values.grep(Puppet::Settings::DirectorySetting)
      directories.all? { |setting| setting.value.nil? || !sections.include?(setting.section) || File.directory?(setting.value) }
    end
  end

  define('own_directories', relies_on: %w[puppet/settings.rb]) { Puppet::Settings.prepend(OwnDirectories) }
end
