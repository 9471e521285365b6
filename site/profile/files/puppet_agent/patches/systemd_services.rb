# frozen_string_literal: true

module PuppetPatches
  # Two calls of systemctl for all services of a catalog, where Puppet makes two for each. The answers hold until the run changes
  # something.
  module SystemdServices
    # A unit's name that stands for many.
    PATTERN = /[*?\[]/
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
        return if name != :systemd || ResourceHarness.changing || units.length < 2

        ahead = CatalogAhead.services(units) if PuppetPatches.applied?('catalog_ahead')
        @active, @enabled = ahead || SystemdServices.ask(units)
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
      (self.class.public_send(what) || {})[@resource[:name]] unless ResourceHarness.changing
    end
  end

  define 'systemd_services',
         relies_on: %w[puppet/provider/service/systemd.rb puppet/provider/service/base.rb puppet/transaction.rb],
         needs: %w[resource_harness] do
    systemd = Puppet::Type.type(:service).provider(:systemd)
    systemd.extend(SystemdServices::Prefetch)
    systemd.prepend(SystemdServices)
  end
end
