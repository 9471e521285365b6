# frozen_string_literal: true

require 'puppet_patches/loader'

module PuppetPatches
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

  define 'parsed_templates', relies_on: %w[puppet/pops/parser/evaluating_parser.rb] do
    parser = Puppet::Pops::Parser::EvaluatingParser::EvaluatingEppParser
    parser.prepend(ParsedTemplates)
    parser.singleton_class.prepend(ParsedTemplates::Once)
  end
end
