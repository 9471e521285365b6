# frozen_string_literal: true

module PuppetPatches
  # What a run has read of the file of its state is not read anew before anything has been written to it.
  module StateFile
    def load
      file = Puppet[:statefile]
      now = File.file?(file) && File.stat(file).then { |stat| [file, stat.ino, stat.size, stat.ctime] }
      # As it was read: what the plugins have added since is not to be in it.
      return class_variable_set(:@@state, Marshal.load(@copy)) if now && now == @loaded

      super
      @copy = copy
      @loaded = now if @copy
    end

    def store
      @loaded = nil
      super
    end

    private

    def copy
      Marshal.dump(state)
    rescue TypeError
      nil # something that can't be copied: it is read again
    end
  end

  define('state_file', relies_on: %w[puppet/util/storage.rb]) { Puppet::Util::Storage.singleton_class.prepend(StateFile) }
end
