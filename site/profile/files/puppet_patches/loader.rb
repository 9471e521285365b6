# frozen_string_literal: true

require 'digest'
require 'json'

# Applies patches of Puppet, each only where the files that it relies on are ones that it was tested with. Elsewhere it is left
# out, and Puppet does what it does anyway. docs/patches.md says what for. A patch is a file such as
#
#   module PuppetPatches
#     module StateFile
#       def load = …
#     end
#
#     define('state_file', relies_on: %w[puppet/util/storage.rb]) { Puppet::Util::Storage.singleton_class.prepend(StateFile) }
#   end
#
# and whoever has loaded some of them calls `PuppetPatches.apply`, once. upstream.json, beside this file, has the SHA-256 of each
# file that is relied on, by Debian's package and version: {FILE: {"PACKAGE VERSION": DIGEST}}. A file is named as Ruby would
# require it, and found as Ruby would find it.
module PuppetPatches
  # @!attribute files [Array<String>] what the patch relies on
  # @!attribute needs [Array<String>] the names of the patches without which this one is left out
  # @!attribute change [Proc] makes the patch
  Patch = Struct.new(:name, :files, :needs, :change)

  @known = {}
  @results = {} # by name: nil where the patch is applied, or why it is not

  class << self
    # @param relies_on [Array<String>] the files of Puppet, Facter or Ruby whose insides the patch knows of
    # @param needs [Array<String>] patches that are applied before this one
    def define(name, relies_on:, needs: [], &change)
      @known[name] = Patch.new(name, relies_on, needs, change)
    end

    # Apply all that are defined.
    #
    # @return [Array<String>] a message for each that is left out
    def apply
      @known.keys.filter_map { |name| (reason = result(name)) && "the patch #{name} of Puppet is left out: #{reason}" }
    end

    def applied?(name)
      @results.fetch(name, '').nil?
    end

    # @return [String, nil] why a patch can't be applied; nil where it can
    def reason(name)
      patch = @known[name]
      return 'it is switched off' unless patch

      missing = patch.needs.find { |needed| reason(needed) }
      return "it needs #{missing}, and #{reason(missing)}" if missing

      other = patch.files.find { |file| !tested?(file) }
      other && "#{path(other) || other} is not the file of #{versions(other)}, which it was tested with"
    end

    # @return [Array<String>] the files on which it depends what is applied: whoever keeps the result watches them
    def files
      [File.join(__dir__, 'upstream.json'), *@known.values.flat_map(&:files).uniq.filter_map { |file| path(file) }]
    end

    private

    def result(name)
      return @results[name] if @results.key?(name)

      @results[name] = reason(name)
      return @results[name] if @results[name]

      patch = @known[name]
      patch.needs.each { |needed| result(needed) }
      patch.change.call
      nil
    end

    def tested?(file)
      @tested ||= {}
      return @tested[file] if @tested.key?(file)

      found = path(file)
      @tested[file] = !found.nil? && upstream.fetch(file, {}).value?(Digest::SHA256.hexdigest(File.binread(found)))
    end

    # In JRuby that may be a file in a jar.
    def path(file)
      directory = $LOAD_PATH.find { |candidate| File.file?(File.join(candidate, file)) }
      directory && File.join(directory, file)
    end

    def versions(file)
      upstream.fetch(file, { 'a package' => nil }).keys.join(' or ')
    end

    def upstream
      @upstream ||= JSON.parse(File.read(File.join(__dir__, 'upstream.json')))
    end
  end
end
