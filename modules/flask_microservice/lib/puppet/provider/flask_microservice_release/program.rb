# frozen_string_literal: true

require 'json'
require_relative '../../../puppet_x/flask_microservice/status'
require_relative '../../../puppet_x/flask_microservice/undeclared'

Puppet::Type.type(:flask_microservice_release).provide(:program) do
  desc 'Asks and calls flask-microservice(8), which the class flask_microservice::program installs.'

  class << self
    # All services in one call, which the fact has made already: a process for each would take longer than the rest of a run.
    def prefetch(resources)
      @resources = resources
      @outcomes = {}
      PuppetX::FlaskMicroservice::Undeclared.forget(*resources.keys)
      return unless File.executable?(PuppetX::FlaskMicroservice::PROGRAM)

      known, seen = PuppetX::FlaskMicroservice.told
      resources.each do |name, resource|
        resource.provider.remember(known[name], seen)
      end
    end

    # What came of switches in this run, by name, until the service's own resource has told it.
    def outcomes
      @outcomes ||= {}
    end

    # Switch a service, and with it all others that are due: together they take little longer than one.
    def switch_due(name)
      began = Time.now
      told = PuppetX::FlaskMicroservice.ask('switch', '--json', '--unless-rolled-back', name, *others_due(name))
      told.each { |outcome| outcomes[outcome['name']] = outcome.merge('began' => began) }
    end

    def call(*arguments)
      PuppetX::FlaskMicroservice.call(*arguments)
    end

    private

    # Those that this run would switch in any case. A run of some tags only may leave a service as it is.
    def others_due(name)
      return [] unless Puppet[:tags].empty? && Puppet[:skip_tags].empty?

      (@resources || {}).select { |other, resource| other != name && resource.provider.due? }.keys
    end
  end

  attr_reader :change

  def remember(status, seen)
    @status = status
    @seen = seen
  end

  def state
    if !File.executable?(PuppetX::FlaskMicroservice::PROGRAM) || !declared?
      return gone? ? :absent : :undeclared
    end

    foregone = self.class.outcomes[name]
    # In sync where nothing had to be done; else `switch` says what was done, or why it could not be.
    return foregone['changed'] || foregone['error'] ? :outdated : :serving if foregone && !changed_since?(foregone['began'])

    self.class.outcomes.delete(name)
    @status = ask if @status.nil? || changed_since?(@seen)
    state = @status['state'].to_sym
    state == :new && gone? ? :absent : state
  end

  # Whether another release is declared than the one that served, or Puppet has written that since it was asked.
  def declared_change?
    !@status.nil? && (@status['state'] == 'outdated' || changed_since?(@seen))
  end

  def switch
    was = @status && @status['release']
    self.class.switch_due(name) unless self.class.outcomes.key?(name)
    now = self.class.outcomes.delete(name)
    raise Puppet::Error, now['error'] if now['error']

    @change = case was.to_s
              when '' then "serves #{now['release']}"
              when now['release'] then "serves #{was}, which is declared again"
              else "served #{was}, serves #{now['release']} now"
              end
  end

  def remove
    self.class.call('remove', '--drain', resource[:drain].to_s, name)
    @change = 'removed'
  end

  # Whether a switch is due, as far as that can be seen without asking; asked for once too often, it does nothing.
  def due?
    resource[:ensure] == :serving && !resource.noop? && resource[:schedule].nil? && declared? &&
      (@status.nil? || @status['state'] != 'serving' || changed_since?(@seen))
  end

  private

  def ask
    JSON.parse(self.class.call('status', '--json', '--no-health', name)).first
  end

  def unit
    "/etc/systemd/system/#{name}@.service"
  end

  def declared?
    File.exist?(unit)
  end

  # Whether nothing is left of it that would have to be removed.
  def gone?
    ['.service', '.socket'].none? { |kind| File.exist?("/etc/systemd/system/#{name}#{kind}") } &&
      !File.exist?("/opt/releases/#{name}")
  end

  # Whether Puppet has written its unit, its config or its secret environment since then.
  def changed_since?(time)
    written = %w[default_config.ini secret_environment].map { |file| "/etc/#{name}/#{file}" }
    [unit, *written].any? { |path| File.exist?(path) && File.stat(path).ctime >= time }
  end
end
