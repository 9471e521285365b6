# frozen_string_literal: true

# ruby upstream_files.rb PATCH_FILE...: the files that patches rely on, as they are on this machine; JSON:
#
#   {"patches": {NAME: [FILE, …]}, "files": {FILE: {"package": "NAME VERSION", "digest": SHA-256}, or null where there is none}}
require 'digest'
require 'json'
require 'puppet_patches/loader'

module PuppetPatches
  @files = {}

  class << self
    attr_reader :files

    def define(name, relies_on:, **)
      @files[name] = relies_on
    end

    # Whatever else such a file does.
    def apply
      []
    end
  end
end

def package_of(path)
  name = IO.popen(['dpkg-query', '--search', path], &:read)[/\A(.*?): /, 1]
  IO.popen(['dpkg-query', '--show', '--showformat=${Package} ${Version}', name], &:read)
end

def file(name)
  directory = $LOAD_PATH.find { |candidate| File.file?(File.join(candidate, name)) } or return
  path = File.join(directory, name)
  { package: package_of(path), digest: Digest::SHA256.file(path).hexdigest }
end

ARGV.each { |patch| require patch }
patches = PuppetPatches.files
puts JSON.generate(patches: patches, files: patches.values.flatten.uniq.sort.to_h { |name| [name, file(name)] })
