# frozen_string_literal: true

# ruby fewer_forks.rb OPTION...: `puppet apply OPTION...` as the preloaded agent would do it, with a systemctl of its own.
# /units/NAME has the words of unit NAME, for is-active and is-enabled, and for that once it is unmasked; /calls gets a line for each call of systemctl.
require 'fileutils'

FileUtils.mkdir_p(['/fake', '/units'])
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
require 'puppet/util/command_line'
require '/puppet_agent/fewer-forks'

FewerForks.use
# As on a node, where systemd is process 1.
Puppet::Type.type(:service).provider(:systemd).define_singleton_method(:suitable?) { |*| true }
Puppet::Util::CommandLine.new('puppet', ['apply', *ARGV]).execute
