# frozen_string_literal: true

require 'tempfile'

module PuppetPatches
  # Before a process ends, Ruby goes through all that it holds for what is left to do. In a run that would be the files of
  # Tempfile only: where there were none, it can end at once.
  module EndedAtOnce
    class << self
      attr_accessor :made_files
    end

    def initialize(...)
      EndedAtOnce.made_files = true
      super
    end

    # For a run, before it begins.
    def self.use
      at_exit { end_with($!.status) if $!.is_a?(SystemExit) && !EndedAtOnce.made_files }
    end

    def self.end_with(status)
      Puppet::Util::Log.close_all
      [$stdout, $stderr].each(&:flush)
    rescue SystemCallError, IOError, SignalException
      nil # whoever was to read it has gone
    ensure
      exit!(status)
    end
  end

  define('ended_at_once', relies_on: %w[tempfile.rb puppet/util/log.rb]) { Tempfile.prepend(EndedAtOnce) }
end
