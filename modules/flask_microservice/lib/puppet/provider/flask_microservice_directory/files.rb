# frozen_string_literal: true

require 'etc'
require 'fileutils'
require 'open3'

Puppet::Type.type(:flask_microservice_directory).provide(:files) do
  desc 'Looks for directories, and removes those that are the service\'s alone.'

  # The directories that were removed.
  def removed
    @removed ||= []
  end

  # Those that are there and may go.
  def own
    Dir.glob(resource[:path]).select { |path| own?(path) }.sort
  end

  def remove
    own.each do |path|
      FileUtils.rm_r(path, secure: true)
      removed << path
      remove_empty_above(path)
    end
  end

  private

  def own?(path)
    stat = File.lstat(path)
    # systemd makes NAME and a link to it for NAME:LINK.
    its = stat.symlink? ? !File.exist?(path) : stat.directory? && (stat.uid == account || empty_config?(path))
    its && !shared?(path) && !packaged?(path)
  end

  # The number of the service's account; nil where there is none any more.
  def account
    Etc.getpwnam(resource[:account]).uid
  rescue ArgumentError
    nil
  end

  # Whether it is one of those that systemd makes as root, with nothing in it that anybody has put there.
  def empty_config?(path)
    path == resource[:path] && path.start_with?('/etc/') && Dir.empty?(path)
  end

  # Whether another service of this node declares it.
  def shared?(path)
    base, kind = kinds.find { |prefix, _| path.start_with?("#{prefix}/") }
    return false if kind.nil?

    declares = /^#{kind}Directory=(.*[\s"])?#{Regexp.escape(path.delete_prefix("#{base}/"))}([\s":\/]|$)/
    units = Dir.glob('/etc/systemd/system/*@.service') - ["/etc/systemd/system/#{resource[:account]}@.service"]
    units.any? { |unit| File.read(unit).match?(declares) }
  end

  def kinds
    { '/var/lib' => 'State', '/var/cache' => 'Cache', '/var/log' => 'Logs', '/etc' => 'Configuration', '/run' => 'Runtime' }
  end

  def packaged?(path)
    _, status = Open3.capture2e('dpkg-query', '--search', path)
    status.success?
  end

  # Of DIRECTORY/NAME systemd has made DIRECTORY as well, as root.
  def remove_empty_above(path)
    above = File.dirname(path)
    return if kinds.key?(above) || !Dir.empty?(above) || packaged?(above) || shared?(above)

    Dir.rmdir(above)
    remove_empty_above(above)
  end
end
