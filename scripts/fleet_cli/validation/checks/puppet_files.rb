# frozen_string_literal: true

require 'erb'
require 'puppet'

# What is wrong with manifests and templates, in the words of Puppet, puppet-lint and Ruby.
class PuppetFiles
  P = Puppet::Pops
  ELSEWHERE = Puppet::Node::Environment.create(:elsewhere, [])

  # Where plans of Bolt are, which Puppet parses by words of their own.
  PLANS = %r{/plans/}

  # lint_options: as on puppet-lint's command line; nil to leave out what it says.
  # modulepath, manifests: where Puppet loads files by their names, so that only a definition of that name may stand in one.
  def initialize(lint_options, modulepath, manifests)
    inside = modulepath.map { |path| %r{\A#{Regexp.escape(File.expand_path(path))}/\w+/(manifests|functions|types)/} }
    @autoloaded = Regexp.union(/\A#{Regexp.escape(manifests)}/, *inside)
    @lints = !lint_options.nil?
    require 'puppet-lint' if @lints
    lint_options&.each { |option| configure(option) }
  end

  # What is wrong with the files to check as manifests, as EPP and as ERB templates: hashes with a place, a code, a message.
  def problems(lint: [], epp: [], erb: [])
    checks = lint.to_h { |file| [file, -> { syntax(file, P::Parser::Parser.new) + (@lints ? style(file) : []) }] }
    checks.merge!(epp.to_h { |file| [file, -> { syntax(file, P::Parser::EppParser.new) }] })
    checks.merge!(erb.to_h { |file| [file, -> { erb(file) }] })
    checks.flat_map { |file, check| encoding(file) || check.call }
  end

  private

  # An option of a plugin that is not installed here has nothing to switch.
  def configure(option)
    return if option.match?(/\A--?(?:f|fix|l|load|load-from-puppet|c|config|codeclimate-report-file)\b/)

    @options ||= PuppetLint::OptParser.build(['--no-config'])
    @options.parse([option])
  rescue OptionParser::ParseError
    nil
  end

  def encoding(file)
    line = File.readlines(file, encoding: 'UTF-8').index { |text| !text.valid_encoding? }
    [problem(file, line + 1, 1, 'not-utf-8', 'it is not UTF-8')] if line
  end

  def syntax(file, parser)
    return Puppet.override(current_environment: ELSEWHERE) { parsed(file, parser) } unless file.match?(@autoloaded)

    parsed(file, parser)
  end

  def parsed(file, parser)
    Puppet[:tasks] = file.match?(PLANS)
    acceptor = P::Validation::Acceptor.new
    P::Validation::ValidatorFactory_4_0.new.validator(acceptor).validate(parser.parse_file(file).model)
    acceptor.diagnostics.map do |found|
      found.severity == :ignore ? nil : problem(file, found.source_pos&.line, found.source_pos&.pos,
                                                'puppet-syntax', P::Validation::DiagnosticFormatterPuppetStyle.new.format_message(found))
    end.compact
  rescue Puppet::ParseErrorWithIssue, Puppet::ParseError => e
    [problem(file, e.line, e.pos, 'puppet-syntax', e.basic_message)]
  rescue Puppet::Error => e
    [problem(file, 1, 1, 'puppet-syntax', e.message)]
  end

  def style(file)
    name = file.delete_prefix('/control/')
    return [] if !@lints || Array(PuppetLint.configuration.ignore_paths).any? { |each| File.fnmatch(each.delete_prefix('./'), name) }

    lint = PuppetLint.new
    lint.file = file
    lint.run
    lint.problems.reject { |found| %i[ignored fixed].include?(found[:kind]) || found[:check] == :syntax }.map do |found|
      problem(file, found[:line], found[:column], 'puppet-lint', "#{found[:message]} (#{found[:check]})")
    end
  end

  def erb(file)
    RubyVM::InstructionSequence.compile(ERB.new(File.read(file), trim_mode: '-').src, file, file, 0)
    []
  rescue SyntaxError => e
    [problem(file, e.message[/:(\d+):/, 1].to_i, 1, 'erb-syntax', e.message.lines.first.to_s.strip.sub(/\A.*?:\d+: /, ''))]
  end

  def problem(file, line, column, code, message)
    { 'file' => file, 'line' => line || 1, 'column' => column || 1, 'code' => code, 'message' => message }
  end
end
