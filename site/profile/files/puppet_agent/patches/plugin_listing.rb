# frozen_string_literal: true

module PuppetPatches
  # Whether the server has the environment Puppet sees by asking for the directory of the plugins: here for what is in it
  # besides, which it would ask for next.
  module PluginListing
    class << self
      attr_accessor :known
    end

    def get_file_metadatas(**asked)
      whole = asked[:recurse] == :false # Puppet's word
      question = whole ? { **asked, **PluginsInPlace.question(Puppet[:pluginsignore], :ignore) } : asked
      return remembered if PluginListing.known&.first(2) == [url, question]

      answer = super(**question)
      PluginListing.known = [url, question, answer] if whole
      answer
    rescue Puppet::HTTP::ResponseError
      whole ? super : raise # what is wrong with the files is for the download to say
    end

    private

    # Asked again, it may be another one.
    def remembered
      PluginListing.known.last.tap { PluginListing.known = nil }
    end
  end

  # What it has asked for is asked of files_of_commit, if that is there.
  define 'plugin_listing',
         relies_on: %w[puppet/http/service/file_server.rb puppet/http/service/compiler.rb puppet/configurer.rb],
         needs: %w[plugins_in_place] do
    Puppet::HTTP::Service::FileServer.prepend(PluginListing)
  end
end
