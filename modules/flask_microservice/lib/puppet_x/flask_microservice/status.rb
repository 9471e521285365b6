# frozen_string_literal: true

require 'json'
require 'open3'

# The namespace of what modules share beside types and providers.
module PuppetX
  # What flask-microservice(8) says of all services of this node.
  #
  # A run asks once: the fact tells the server, and later the releases are compared with what is declared by then.
  module FlaskMicroservice
    PROGRAM = '/usr/local/sbin/flask-microservice'
    RECENT_SECONDS = 60

    class << self
      # Begin to ask, unless that has been done, and let the caller do something else meanwhile.
      def ask_ahead
        return if recent?(@ahead) || !File.executable?(PROGRAM)

        asking = Thread.new { call('status', '--json') }
        asking.report_on_exception = false # whoever waits for it gets the error
        @ahead = [asking, Time.now]
      end

      # Ask now, unless it has just been done. Returns what each service does, by name, and when that was asked.
      def observe
        asking, seen = recent?(@ahead) ? @ahead : [nil, Time.now]
        @ahead = nil
        answer = asking ? asking.value : call('status', '--json')
        @told = [JSON.parse(answer).to_h { |status| [status['name'], status] }, seen]
      end

      # What the fact was told in this very run; asked now if there was none.
      def told
        recent?(@told) ? @told : observe
      end

      # Run a command that answers in JSON, also where it could not do all that it was asked to.
      def ask(*arguments)
        output, errors, status = Open3.capture3(PROGRAM, *arguments)
        output.empty? ? raise(Puppet::Error, complaint(errors, status)) : JSON.parse(output)
      end

      # Run the program; the last line of what it prints as an error says why it failed, those before how far it came.
      def call(*arguments)
        output, errors, status = Open3.capture3(PROGRAM, *arguments)
        return output if status.success?

        raise Puppet::Error, complaint(errors, status)
      end

      private

      # Whether an answer, the time of its question last, is one of this run.
      def recent?(answer)
        answer && (Time.now - answer.last).between?(0, RECENT_SECONDS)
      end

      def complaint(errors, status)
        errors.lines.map(&:strip).reject(&:empty?).last || "#{PROGRAM} ended with #{status}"
      end
    end
  end
end
