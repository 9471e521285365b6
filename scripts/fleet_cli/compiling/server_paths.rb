# frozen_string_literal: true

# What code may know of where Puppet has its files is told as a Puppet server has them: a folder that a catalog was compiled
# in is another one each time, and no node has it.
module ServerPaths
  ENVIRONMENTS = '/etc/puppetlabs/code/environments'
  # By the setting, where a server has it.
  SETTINGS = { 'confdir' => '/etc/puppetlabs/puppet', 'vardir' => '/opt/puppetlabs/puppet/cache',
               'codedir' => '/etc/puppetlabs/code', 'logdir' => '/var/log/puppetlabs/puppet' }.freeze

  class << self
    # Where Puppet is to have its own files, as options of its command line.
    def options(directory)
      @settings = SETTINGS.to_h { |name, server| ["#{directory}/#{name}", server] }
      @settings.each_key { |path| Dir.mkdir(path) } # functions write there
      SETTINGS.keys.flat_map { |name| ["--#{name}", "#{directory}/#{name}"] }
    end

    # A text in which each path of the environment in a directory, and each of Puppet's own, is a server's.
    def in(text, environment)
      modules = %r{#{Regexp.escape(File.expand_path('../../../modules', environment))}/[0-9a-f]{20}(?:-\d+)?(?=/)}
      found = @settings.merge(File.dirname(environment) => ENVIRONMENTS).select { |path, _| text.include?(path) }
      text = text.gsub(Regexp.union(found.keys), found) unless found.empty?
      text.gsub(modules, "#{ENVIRONMENTS}/#{File.basename(environment)}")
    end
  end
end
