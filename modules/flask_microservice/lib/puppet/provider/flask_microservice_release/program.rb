# frozen_string_literal: true

require 'json'
require_relative '../../../puppet_x/flask_microservice/status'

Puppet::Type.type(:flask_microservice_release).provide(:program) do
  desc 'Asks and calls flask-microservice(8), which the class flask_microservice::program installs.'

  class << self
    # All services in one call, which the fact has made already: a process for each would take longer than the rest of a run.
    def prefetch(resources)
      return unless File.executable?(PuppetX::FlaskMicroservice::PROGRAM)

      known, seen = PuppetX::FlaskMicroservice.told
      resources.each do |name, resource|
        resource.provider.remember(known[name], seen)
      end
    end

    def call(*arguments)
      PuppetX::FlaskMicroservice.call(*arguments)
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

    @status = ask if @status.nil? || changed_since_seen?
    state = @status['state'].to_sym
    state == :new && gone? ? :absent : state
  end

  def switch
    was = @status && @status['release']
    now = JSON.parse(self.class.call('switch', '--json', '--unless-rolled-back', name))
    @change = was.to_s.empty? ? "serves #{now['release']}" : "served #{was}, serves #{now['release']} now"
  end

  def remove
    self.class.call('remove', '--drain', resource[:drain].to_s, name)
    @change = 'removed'
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

  # Puppet has written its unit or its config in this very run, after all services were looked at.
  def changed_since_seen?
    [unit, "/etc/#{name}/default_config.ini"].any? { |path| File.exist?(path) && File.stat(path).ctime >= @seen }
  end
end
