# frozen_string_literal: true

# ruby fewer_forks.rb: `puppet apply` as the preloaded agent would do it, with a systemctl of its own. Each line of the standard
# input is a JSON list of a manifest, the words of units by name, options, and names of scripts of init; the answer is a line of
# JSON: the exit status, the calls of systemctl, and what was printed. Each is answered by a process of its own.
# The words of a unit are for is-active, for is-enabled, and for that once it is unmasked.
require 'fileutils'
require 'json'

FileUtils.mkdir_p('/fake')
File.write('/fake/systemctl', <<~'SH', perm: 0o755)
  #!/bin/sh
  echo "$*" >> /calls
  question=$1; shift
  [ "$1" = -- ] && shift
  for unit in "$@"; do
    read -r active enabled unmasked < "/units/$unit"
    case $question in
      is-active) echo "$active"; [ "$active" = active ] ;;
      is-enabled) echo "$enabled"; [ "$enabled" = enabled ] ;;
      unmask) echo "$active ${unmasked:-$enabled}" > "/units/$unit" ;;
      start) echo "active $enabled" > "/units/$unit" ;;
    esac
  done
SH
ENV['PATH'] = "/fake:#{ENV.fetch('PATH')}"

require 'puppet'
require 'puppet/application/apply'
require 'puppet/configurer'
require 'puppet/util/command_line'
require 'puppet_patches/loader'
%w[apt_packages resource_harness systemd_services].each { |name| require "/patches/#{name}" }

abort unless PuppetPatches.apply.empty?
# As on a node, where systemd is process 1.
Puppet::Type.type(:service).provider(:systemd).define_singleton_method(:suitable?) { |*| true }
%i[exec package].each { |type| Puppet::Type.type(type) }
# Facts take longest, and are the same each time.
facts = Puppet.runtime[:facter]
facts.to_hash
facts.define_singleton_method(:reset) { nil }

# What is there before a run.
def prepare(manifest, units, scripts)
  FileUtils.rm_rf(['/units', '/calls'])
  FileUtils.rm_f(Dir['/etc/init.d/*'])
  FileUtils.mkdir_p('/units')
  FileUtils.touch(['/calls', *scripts.map { |name| "/etc/init.d/#{name}" }])
  units.each { |name, words| File.write("/units/#{name}", "#{words}\n") }
  File.write('/manifest.pp', manifest)
end

$stdin.each_line do |line|
  manifest, units, options, scripts = JSON.parse(line)
  prepare(manifest, units, scripts)
  child = fork do
    $stdout.reopen('/printed', 'w')
    $stderr.reopen($stdout)
    Puppet::Util::CommandLine.new('puppet', ['apply', '--detailed-exitcodes', '--color=false', *options, '/manifest.pp']).execute
  end
  _, ended = Process.wait2(child)
  puts JSON.generate([ended.exitstatus, File.readlines('/calls', chomp: true), File.read('/printed')])
  $stdout.flush
end
