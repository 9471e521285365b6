# frozen_string_literal: true

require 'puppet'

# The environment of one directory, loaded once: the nodes that are compiled in it share its parsed code.
class LoadedEnvironment < Puppet::Environments::Directories
  # A server keeps all; here old states of a repository come and go.
  LIMIT = 3
  # How often one is loaded again.
  MOST = 10

  # The one of a directory, and of the code in the place of its manifests/site.pp if there is some.
  def self.of(directory, code)
    parent, name = File.split(directory)
    Puppet[:environmentpath] = parent
    Puppet[:code] = code.to_s
    @loaded ||= {}
    key = [directory, code]
    found = @loaded.delete(key) || new(parent, [])
    @loaded[key] = found
    @loaded.shift if @loaded.size > LIMIT
    Puppet.override(environments: found) { [found, found.get!(name.to_sym)] }
  end

  # Forget one in which code could not be loaded, so that the next node is told the reason, too. Not for ever: loading
  # it again takes long.
  def self.renew(directory, code)
    @renewed ||= Hash.new(0)
    return if (@renewed[directory] += 1) > MOST

    @loaded.delete([directory, code])
  end

  # Puppet asks its loader of environments again and again while it compiles.
  def get(name)
    @environments ||= {}
    @environments[name.to_sym] ||= super
  end
end
