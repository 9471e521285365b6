# frozen_string_literal: true

# What Puppet starts a process for on each resource, asked once for all of a catalog; and what it looks for again and again.
# The answers are those that Puppet's own providers get, from the same commands. They hold until the run changes something.
# As root Ruby copies its process for each command, which takes longer than most commands do.
require 'etc'
require 'facter'
require 'open3'
require 'puppet'
require_relative 'asked-ahead'

module FewerForks
  # A unit's name that stands for many.
  PATTERN = /[*?\[]/

  # Knows whether this run has tried to change a resource of the node's catalog, which plugins and settings are not in:
  # from then on, what was asked before may no longer be so.
  module Harness
    class << self
      attr_accessor :changing
    end

    def sync(event, parameter, *)
      Harness.changing = true if parameter.resource.catalog&.host_config?
      super
    end

    def evaluate(resource)
      super.tap { |status| Harness.changing = true if resource.catalog.host_config? && (status.failed || status.events.any?) }
    end
  end

  # Two calls of systemctl for all services, where Puppet makes two for each.
  module Services
    # systemctl(1), is-active and is-enabled: the words, with what Puppet makes of each and its exit status. Others are
    # asked for again.
    ACTIVE = { 'active' => :running, 'reloading' => :running, 'inactive' => :stopped, 'failed' => :stopped }.freeze
    ENABLED = { 'enabled' => 0, 'static' => 0, 'indirect' => 0, 'disabled' => 1, 'masked' => 1, 'not-found' => 4 }.freeze

    # The words for units, by unit, in answer to is-active and to is-enabled; none unless each unit has got its own. Scripts in
    # /etc/init.d are not looked at here: systemctl would answer for them first, whatever their place.
    def self.ask(units)
      own = { 'SYSTEMCTL_SKIP_SYSV' => '1' }
      asked = %w[is-active is-enabled].map { |question| IO.popen(own, ['systemctl', question, '--', *units], err: File::NULL) }
      asked.map do |answer|
        words = answer.readlines(chomp: true)
        answer.close
        words.length == units.length ? units.zip(words).to_h : {}
      end
    end

    # For the class of the provider.
    module Prefetch
      attr_reader :active, :enabled

      def prefetch(services)
        units = services.values.map { |service| service[:name] }.uniq.grep_v(PATTERN)
        # A provider that inherits from this one may ask another way.
        return if name != :systemd || Harness.changing || units.length < 2

        @active, @enabled = AskedAhead::Catalog.services(units) || Services.ask(units)
      end
    end

    def status
      (ACTIVE[told(:active)] unless @resource[:status]) || super
    end

    def cached_enabled?
      word = told(:enabled)
      return super unless @cached_enabled.nil? && ENABLED.key?(word) && !(word == 'not-found' && script?)

      @cached_enabled = { output: word, exitcode: ENABLED[word] }
    end

    private

    # Whether there is a script that systemd could run in the place of a unit.
    def script?
      File.exist?("/etc/init.d/#{@resource[:name].delete_suffix('.service')}")
    end

    def told(what)
      (self.class.public_send(what) || {})[@resource[:name]] unless Harness.changing
    end
  end

  # Those packages alone that the catalog has, and apt's marks only where it sets some: apt reads all its lists for them.
  module Packages
    # What dpkg says of packages, a line for each that it knows.
    def self.ask(names)
      provider = Puppet::Type.type(:package).provider(:apt)
      format = provider::DPKG_QUERY_FORMAT_STRING.delete("'")
      output, status = Open3.capture2(provider.command(:dpkgquery), '-W', '--showformat', format, '--', *names, err: File::NULL)
      output if [0, 1].include?(status.exitstatus) # 1: some of them it does not know
    end

    def prefetch(packages)
      return super if packages.each_value.any? { |package| package[:mark] }

      output = (AskedAhead::Catalog.packages(packages.keys) unless Harness.changing) || Packages.ask(packages.keys)
      return super unless output

      output.each_line(chomp: true).filter_map { |line| parse_line(line) }.each do |known|
        # One that is known by name alone may be provided by another.
        next if known[:status] == 'not-installed' || !packages.key?(known[:name])

        packages[known[:name]].provider = new(known)
      end
    end
  end

  # The same for the provider of the packages of microservices, which comes with the plugins.
  module OwnPackages
    def observe(names)
      output = AskedAhead::Catalog.packages(names) unless Harness.changing
      return super unless output

      known = output.each_line(chomp: true).filter_map { |line| parse_line(line) }.to_h { |status| [status[:name], status] }
      known.slice(*names)
    end
  end

  # What Facter starts a process for, although Ruby can tell: a file of the kernel, and that a program is not there. What its
  # own facts ask for again is answered as before. These name their logger, but for one.
  module Commands
    ANSWERS = {}

    def execute(command, options = {})
      file = command[%r{\A(?:/bin/)?cat (/proc/\S+)\z}, 1]
      return File.read(file).strip if file && File.readable?(file)
      return super unless options[:logger] || command.start_with?('lsblk -dn ')

      (ANSWERS[command] ||= missing?(command) ? '' : AskedAhead::Commands.answer(command) || super).dup
    end

    private

    def missing?(command)
      command.match?(/\A[\w-]+\z/) && which(command).nil?
    end
  end

  # What Facter starts seven processes for. On Debian uname(1) does not know the kind of processor.
  module Uname
    private

    def uname_system_call(fact)
      known = Etc.uname
      build_fact_list([*known.values_at(:machine, :nodename), 'unknown', *known.values_at(:release, :sysname, :version)].join("\n"))
      @fact_list[fact]
    end
  end

  # Which facts are blocked: by name, where Facter makes a pattern of each name for each fact that there is.
  module Blocked
    private

    def construct_reject_lists(names, facts)
      return super unless names.all?(/\A\w+\z/)

      facts.select { |fact| names.any? { |name| fact.name == name || fact.name.start_with?("#{name}.") } }
           .partition { |fact| fact.type == :core }
    end
  end

  # What the server was told is what providers are told that ask for a fact; Facter would look for it anew.
  module Facts
    class << self
      attr_accessor :told
    end

    def resolve(*)
      super.tap { |facts| Facts.told = facts.to_h.dup }
    end

    def value(name)
      told = Facts.told && (Facts.told[name.to_s] || Facts.told.dig(*name.to_s.split('.')))
      told.nil? ? super : told
    rescue TypeError # a part of the name is not a structure
      super
    end
  end

  # Whoever has Facter forget what it knows is to be told anew.
  module Forgetting
    def clear
      forget
      super
    end

    def reset
      forget
      super
    end

    private

    def forget
      Facts.told = nil
      Commands::ANSWERS.clear
    end
  end

  # Formats in which the server could be talked to, if there were libraries for them: not looked for in each exchange.
  FORMATS = %i[msgpack pson].freeze

  def self.use
    Puppet::Transaction::ResourceHarness.prepend(Harness)
    systemd = Puppet::Type.type(:service).provider(:systemd)
    systemd.extend(Services::Prefetch)
    systemd.prepend(Services)
    Puppet::Type.type(:package).provider(:apt).singleton_class.prepend(Packages)
    Puppet::FacterImpl.prepend(Facts)
    Facter.singleton_class.prepend(Forgetting)
    Facter::Core::Execution::Posix.prepend(Commands)
    Facter::FactLoader.prepend(Blocked)
    Facter::Resolvers::Uname.singleton_class.prepend(Uname)
    missing = FORMATS.reject { |format| Puppet.features.public_send("#{format}?") }
    missing.each { |format| Puppet.features.add(format) { false } }
  end
end
