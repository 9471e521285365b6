# frozen_string_literal: true

# What Puppet starts a process for on each resource, asked once for all of a catalog; and what it looks for again and again.
# The answers are those that Puppet's own providers get, from the same commands. They hold until the run changes something.
require 'open3'

module FewerForks
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

    # The words for units, by unit, in answer to each question; none unless each unit has got its own. Scripts in /etc/init.d
    # are not looked at here: systemctl would answer for them first, whatever their place.
    def self.ask(units, *questions)
      own = { 'SYSTEMCTL_SKIP_SYSV' => '1' }
      asked = questions.map { |question| IO.popen(own, ['systemctl', question, '--', *units], err: File::NULL) }
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
        units = services.values.map { |service| service[:name] }.uniq.grep_v(/[*?\[]/)
        # A provider that inherits from this one may ask another way.
        return if name != :systemd || Harness.changing || units.length < 2

        @active, @enabled = Services.ask(units, 'is-active', 'is-enabled')
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
    def prefetch(packages)
      return super if packages.each_value.any? { |package| package[:mark] }

      command = [command(:dpkgquery), '-W', '--showformat', self::DPKG_QUERY_FORMAT_STRING.delete("'"), '--', *packages.keys]
      output, status = Open3.capture2(*command, err: File::NULL)
      return super unless [0, 1].include?(status.exitstatus) # 1: some of them it does not know

      output.each_line(chomp: true).filter_map { |line| parse_line(line) }.each do |known|
        # One that is known by name alone may be provided by another.
        next if known[:status] == 'not-installed' || !packages.key?(known[:name])

        packages[known[:name]].provider = new(known)
      end
    end
  end

  # What the server was told is what providers are told that ask for a fact; Facter would look for it anew.
  module Facts
    def resolve(*)
      super.tap { |facts| @told = facts.to_h.dup }
    end

    def reset
      @told = nil
      super
    end

    def value(name)
      told = @told && (@told[name.to_s] || @told.dig(*name.to_s.split('.')))
      told.nil? ? super : told
    rescue TypeError # a part of the name is not a structure
      super
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
    missing = FORMATS.reject { |format| Puppet.features.public_send("#{format}?") }
    missing.each { |format| Puppet.features.add(format) { false } }
  end
end
