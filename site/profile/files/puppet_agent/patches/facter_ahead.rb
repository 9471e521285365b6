# frozen_string_literal: true

require 'json'

module PuppetPatches
  # The commands that Facter's own facts have started in the last run are run by one shell, while the plugins are fetched. Which
  # ones is kept in a file: it depends on Facter's version, on the disks, and on which facts are blocked.
  module FacterAhead
    FILE = '/var/lib/puppet-run/facter_commands.json' # in a directory where root alone may write: root runs them
    SECONDS = 10 # an older answer is not used
    PATIENCE = 2 # seconds, for what was asked a good while ago
    LOCK = Mutex.new

    class << self
      def ask
        @needed = []
        commands = last
        return if commands.empty?

        @began = Time.now
        @answers = nil
        start(commands)
        @asking = Thread.new { read(commands) }
        @asking.report_on_exception = false
      rescue SystemCallError
        @began = nil
      end

      # What a command has printed, once; nothing if it is not there, as Facter has it. Facter may ask from several threads.
      def answer(command)
        LOCK.synchronize do
          @needed&.push(command)
          answers.delete(command)
        end
      end

      # Where the plugins are others now, their facts may ask for something else.
      def forget
        LOCK.synchronize { @answers = {} }
      end

      # Keep which commands this run has needed; none if they took too long.
      def keep
        commands = @needed.to_a.uniq
        Puppet::FileSystem.replace_file(FILE, 0o600) { |kept| kept.print(JSON.generate(commands)) } if @needed && commands != last
      rescue SystemCallError, JSON::GeneratorError
        nil # the next run asks when it needs an answer
      end

      private

      def answers
        return {} if @began.nil? || Time.now - @began > SECONDS

        @answers ||= @asking.join(PATIENCE) ? @asking.value : stop
      rescue StandardError
        @answers = {}
      end

      # One shell for all of them.
      def start(commands)
        script = commands.map { |command| "(#{command}\n)\nprintf '\\0'\n" }.join
        plain = { 'LC_ALL' => 'C', 'LANG' => 'C' } # as Facter asks
        @shell = IO.popen(plain, ['/bin/sh', '-c', script], in: File::NULL, err: File::NULL, pgroup: true)
      end

      # What each of them has printed; of none, unless all have come to their end.
      def read(commands)
        output = @shell.read.force_encoding(Encoding.default_external)
        @shell.close
        printed = output.scan(/([^\0]*)\0/).map { |text,| text.strip }
        printed.length == commands.length ? commands.zip(printed).to_h : {}
      end

      # One of them hangs: Facter knows how long each may take.
      def stop
        Process.kill(:KILL, -@shell.pid)
        @needed = nil
        File.delete(FILE)
        {}
      end

      def last
        JSON.parse(File.read(FILE)).grep(String)
      rescue SystemCallError, JSON::ParserError, NoMethodError
        []
      end
    end

    # For the class that runs the agent.
    module Run
      def run(*)
        FacterAhead.ask
        super
      end

      def download_plugins(*)
        super.tap { |changed| FacterAhead.forget if Array(changed).any? }
      end

      def find_facts(*)
        super.tap { FacterAhead.keep }
      end
    end
  end

  define 'facter_ahead', relies_on: %w[puppet/configurer.rb puppet/configurer/fact_handler.rb], needs: %w[facter_commands] do
    Puppet::Configurer.prepend(FacterAhead::Run)
  end
end
