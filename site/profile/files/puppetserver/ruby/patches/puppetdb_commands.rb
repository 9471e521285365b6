# frozen_string_literal: true

require 'puppet_patches/loader'

module PuppetPatches
  # How Puppet Server hands PuppetDB its commands: facts, catalogs and reports. PuppetDB puts a command into its queue and works on
  # it later; a node does not wait until it has taken it, either. Commands are handed over by a thread, one after the other. Those
  # of a server that is killed are lost.
  module PuppetdbCommands
    WAITING = 50 # commands at most, some 100 kB each; who brings one more hands it over himself, and waits
    PATIENCE = 10 # seconds, for those that wait when the server stops

    @commands = SizedQueue.new(WAITING)
    @lock = Mutex.new

    # For the command: whoever submits it has no use for PuppetDB's answer.
    module Command
      def submit
        PuppetdbCommands.later(method(:submit).super_method) || super
      end
    end

    # For the server's client of HTTP, which each JRuby instance ends when it goes.
    module Client
      def terminate
        PuppetdbCommands.finish
      ensure
        super
      end
    end

    class << self
      # Have something done in the background; false where the caller is to do it himself.
      def later(task)
        @lock.synchronize do
          # The first one makes the client of HTTP, which two threads at once would make twice.
          unless @begun
            @begun = true
            return false
          end

          @thread ||= Thread.new { work }
          @commands.push(task, true)
        end
        true
      rescue ThreadError, ClosedQueueError
        false # there are too many, or the server stops
      end

      # Wait for what is waiting; what comes after it is for the caller to do.
      def finish
        @commands.close
        return if @thread.nil? || @thread.join(PATIENCE)

        Puppet.err("PuppetDB has not taken #{@commands.length + 1} commands in #{PATIENCE} s: they are lost")
        @commands.clear
        @thread.kill
      end

      private

      def work
        while (task = @commands.pop)
          perform(task)
        end
      end

      # A command logs its own failure. Whatever else goes wrong, the next one is to be handed over.
      def perform(task)
        task.call
      rescue Exception => error
        Puppet.log_exception(error)
      end
    end
  end

  define 'puppetdb_commands', relies_on: %w[puppet/util/puppetdb/command.rb puppet/server/http_client.rb] do
    Puppet::Util::Puppetdb::Command.prepend(PuppetdbCommands::Command)
    Puppet::Server::HttpClient.singleton_class.prepend(PuppetdbCommands::Client)
  end
end
