# frozen_string_literal: true

require 'json'

module PuppetPatches
  # What files a commit has never changes. Of an environment that the server has given in this run, and whose name is that of a
  # commit, each question is asked once, and the answer kept for the runs that follow.
  module FilesOfCommit
    FILE = '/var/lib/puppet-run/files_of_commit.json' # in a directory where root alone may write
    COMMIT = /\Ac_\h{10}\z/
    MOUNTS = %w[plugins pluginfacts locales modules].freeze # other mounts are directories of the server

    class << self
      # The environment that the server has said in this run.
      attr_writer :given

      # What the server has answered to a question of this run or of one before; nothing if it was not asked.
      def answer(url, question)
        told = kept['answers'][key(url, question)] if of_commit?(question)
        told.is_a?(Array) ? told.map { |one| metadata(one) } : told && metadata(told)
      end

      def keep(url, question, told)
        return unless of_commit?(question)

        kept['answers'][key(url, question)] = told.is_a?(Array) ? told.map(&:to_data_hash) : told.to_data_hash
        @changed = true
      end

      def write
        Puppet::FileSystem.replace_file(FILE, 0o600) { |file| file.print(JSON.generate(kept)) } if @changed
      rescue SystemCallError, JSON::GeneratorError
        nil # the next run asks the server
      end

      private

      def of_commit?(question)
        question[:environment].to_s == @given && COMMIT.match?(@given) && MOUNTS.include?(question[:path].to_s.split('/')[1])
      end

      def key(url, question)
        JSON.generate([url.to_s, question.sort])
      end

      def kept
        return @kept if @kept && @kept['environment'] == @given

        @kept = read
        @kept = { 'environment' => @given, 'answers' => {} } unless @kept['environment'] == @given && @kept['answers'].is_a?(Hash)
        @kept
      end

      def read
        JSON.parse(File.read(FILE)).to_h
      rescue SystemCallError, JSON::ParserError, NoMethodError, TypeError
        {}
      end

      def metadata(data)
        Puppet::FileServing::Metadata.from_data_hash(data.dup) # it takes the path out
      end
    end

    # For the client of the file server.
    module Asked
      def get_file_metadatas(**question)
        told = FilesOfCommit.answer(url, question)
        return [nil, told] if told

        super.tap { |_, answer| FilesOfCommit.keep(url, question, answer) }
      end

      def get_file_metadata(**question)
        told = FilesOfCommit.answer(url, question)
        return [nil, told] if told

        super.tap { |_, answer| FilesOfCommit.keep(url, question, answer) }
      end
    end

    # For the class that runs the agent.
    module Run
      def run(*)
        super
      ensure
        FilesOfCommit.write
      end

      private

      def current_server_specified_environment(*)
        super.tap { |given| FilesOfCommit.given = given }
      end
    end
  end

  define 'files_of_commit',
         relies_on: %w[puppet/http/service/file_server.rb puppet/configurer.rb puppet/file_serving/metadata.rb] do
    Puppet::HTTP::Service::FileServer.prepend(FilesOfCommit::Asked)
    Puppet::Configurer.prepend(FilesOfCommit::Run)
  end
end
