# frozen_string_literal: true

# What a run will need to know, asked for while it waits for the server: what the last run needed is mostly what this one does.
# What is not needed then is dropped, and what else is needed is asked for in its time.
require 'json'
require 'puppet'
require 'puppet/configurer'

module AskedAhead
  SECONDS = 10 # an older answer is not used

  # The units and packages of the last catalog, of systemd and dpkg, while the server compiles the next one.
  module Catalog
    class << self
      def ask
        @began = Time.now
        @last = Thread.new { last }
        @asking = Thread.new do
          units = names('Service').grep_v(FewerForks::PATTERN)
          packages = names('Package')
          [units, FewerForks::Services.ask(units), packages, FewerForks::Packages.ask(packages)]
        end
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

      # The resources of the last catalog, by their types.
      def last
        file = File.join(Puppet[:client_datadir], 'catalog', "#{Puppet[:node_name_value]}.json")
        JSON.parse(File.read(file)).fetch('resources').group_by { |resource| resource['type'] }
      end

      def names(type)
        @last.value.fetch(type, []).map { |resource| resource.dig('parameters', 'name') || resource['title'] }.uniq
      end
    end
  end

  # The types that plugins bring, loaded while the server compiles: those that the last catalog had.
  module Types
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
        (fetched & Catalog.types).each { |name| load_type(name) }
      end

      def load_type(name)
        Puppet::Type.type(name)
      rescue StandardError, ScriptError => error
        @errors[name] = error
      end
    end
  end

  # The commands that Facter's own facts have started in the last run, by one shell, while the plugins are fetched. Which ones
  # is kept in a file: it depends on Facter's version, on the disks, and on which facts are blocked.
  module Commands
    FILE = '/var/lib/puppet-run/facter_commands.json' # in a directory where root alone may write: root runs them
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
  end

  # The microservices, while the plugins are fetched: their fact takes longer than all others.
  module Microservices
    class << self
      def ask
        file = File.join(Puppet[:plugindest], 'puppet_x', 'flask_microservice', 'status.rb')
        return unless File.file?(file)

        require file
        @loaded = file
        PuppetX::FlaskMicroservice.ask_ahead
      rescue StandardError, ScriptError
        forget # the plugins that are fetched now may be better ones
      end

      # What comes with new plugins is to load its own.
      def forget
        return unless $LOADED_FEATURES.delete(@loaded)

        PuppetX.send(:remove_const, :FlaskMicroservice) if defined?(PuppetX::FlaskMicroservice)
      end
    end
  end

  # For the class that runs the agent.
  module Run
    def run(*)
      Commands.ask
      Microservices.ask
      super
    end

    def download_plugins(*)
      super.tap { |changed| [Commands, Microservices].each(&:forget) if Array(changed).any? }
    end

    def find_facts(*)
      super.tap { Commands.keep }
    end

    def retrieve_new_catalog(*)
      super
    ensure
      Types.wait
    end

    def convert_catalog(catalog, *)
      Types.miss(catalog)
      super
    end
  end

  # For the client of HTTP: what is sent for a catalog is ready now, and the server is waited for from here on.
  module Waiting
    def post(url, *, **)
      if url.path.include?('/catalog/') && Puppet[:prerun_command].empty? # that may change what was asked for
        Catalog.ask
        # With an environment that the server may not give, the plugins may be others once it has answered.
        Types.ask unless Puppet.settings.set_by_cli?(:environment)
      end
      super
    end
  end

  def self.use
    Puppet::Configurer.prepend(Run)
    Puppet::HTTP::Client.prepend(Waiting)
  end
end
