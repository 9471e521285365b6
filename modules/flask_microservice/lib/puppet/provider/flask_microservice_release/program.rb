# frozen_string_literal: true

require 'json'
require 'open3'

Puppet::Type.type(:flask_microservice_release).provide(:program) do
  desc 'Asks and calls flask-microservice(8), which the class flask_microservice::program installs.'

  PROGRAM = '/usr/local/sbin/flask-microservice'

  class << self
    # All services in one call: a process for each would take longer than the rest of a run.
    def prefetch(resources)
      return unless File.executable?(PROGRAM)

      seen = Time.now
      known = observe
      resources.each do |name, resource|
        resource.provider.remember(known[name], seen)
      end
    end

    def observe(*names)
      found = call('status', '--json', '--no-health', *names)
      JSON.parse(found).to_h { |status| [status['name'], status] }
    end

    def call(*arguments)
      output, errors, status = Open3.capture3(PROGRAM, *arguments)
      return output if status.success?

      # Its last line says why; those before, how far it came.
      raise Puppet::Error, errors.lines.map(&:strip).reject(&:empty?).last || "#{PROGRAM} ended with #{status}"
    end
  end

  attr_reader :change

  def remember(status, seen)
    @status = status
    @seen = seen
  end

  def state
    if !File.executable?(PROGRAM) || !declared?
      return gone? ? :absent : :undeclared
    end

    @status = self.class.observe(name)[name] if @status.nil? || changed_since_seen?
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
