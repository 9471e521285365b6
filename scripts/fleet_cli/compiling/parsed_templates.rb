# frozen_string_literal: true

require 'puppet'
require 'puppet/pops'

# Templates are parsed once, as manifests are: Puppet parses one each time that it is rendered, which takes longer than that.
module ParsedTemplates
  class << self
    def all
      @all ||= {}
    end
  end

  # One parser is enough for all of them.
  module Once
    def new
      @one ||= super
    end
  end

  def parse_file(file)
    ParsedTemplates.all[file] ||= super
  end
end
Puppet::Pops::Parser::EvaluatingParser::EvaluatingEppParser.prepend(ParsedTemplates)
Puppet::Pops::Parser::EvaluatingParser::EvaluatingEppParser.singleton_class.prepend(ParsedTemplates::Once)
