# frozen_string_literal: true

require 'json'

# What a Puppetfile names, as r10k would evaluate it: it is Ruby, so it is run where it can reach nothing. Prints JSON:
# a list of [name, directory, options], as far as it could be evaluated; what is wrong with it, r10k says later.
class Declared
  def initialize
    @modules = []
    @moduledir = 'modules'
  end

  attr_reader :modules

  def mod(name, args = nil)
    options = args.is_a?(Hash) ? args : { type: 'forge', version: args }
    path = options[:install_path] || options['install_path'] || @moduledir
    @modules << [name.to_s, File.join(path.to_s, name.to_s.split(%r{[/-]}, 2).last), options]
  end

  def forge(*) end

  def moduledir(path)
    @moduledir = path
  end

  def exclusion(*) end
end

declared = Declared.new
output = $stdout.dup
$stdout.reopen($stderr)
begin
  declared.instance_eval(File.read('/Puppetfile'), 'Puppetfile')
rescue ScriptError, StandardError
  nil
end
output.puts JSON.generate(declared.modules)
