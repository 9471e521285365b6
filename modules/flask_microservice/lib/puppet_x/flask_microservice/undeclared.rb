# frozen_string_literal: true

require 'fileutils'

module PuppetX
  module FlaskMicroservice
    # What flask-microservice(8) is told of services that are on the node and not in its catalog: an empty file for each.
    #
    # It is a note of the last run and no state of the node, so that no change is reported.
    module Undeclared
      NOTES = '/var/lib/flask-microservice/undeclared'

      class << self
        def note(name)
          return if Puppet[:noop] || File.exist?("#{NOTES}/#{name}")

          FileUtils.mkdir_p(NOTES)
          File.write("#{NOTES}/#{name}", '')
        end

        def forget(*names)
          FileUtils.rm_f(names.map { |name| "#{NOTES}/#{name}" }) unless Puppet[:noop]
        end
      end
    end
  end
end
