# frozen_string_literal: true

require 'puppet'

# In the place of PuppetDB: what its queries find, whatever they ask for of an entity.
module Queried
  class << self
    # Rows by entity, or a message why there are none; nil where there is no PuppetDB.
    def choose(answers)
      @answers = answers
      Puppet[:storeconfigs_backend] = answers ? 'puppetdb' : 'exported'
      answer_queries if answers && !@answering
    end

    def find(query)
      raise Puppet::Error, @answers if @answers.is_a?(String)

      @answers.fetch(query[/\A\w+/])
    end

    private

    # The client of PuppetDB is not needed for anything else.
    def answer_queries
      require 'puppet/util/puppetdb'
      Puppet::Util::Puppetdb.define_singleton_method(:query_puppetdb) { |query| Queried.find(query) }
      @answering = true
    end
  end
end
