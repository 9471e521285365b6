# frozen_string_literal: true

# Which environment nodes are told, by answers.rb as Puppet Server has it. Each line of the standard input is a case, as JSON:
#
#   {"answers": TEXT|null, "questions": [["environment", CERTNAME, TIER, ASKED, RUN] | ["may_read", CERTNAME, TIER, ENVIRONMENT, PLUGINS]
#     | ["answers", TEXT] | ["age", CERTNAME, SECONDS], …]}
#
# and the answer is a line of JSON: what each question is answered, or the error. Each case has a process of its own.
require 'json'
require 'tmpdir'
require 'puppet'
require '/ruby/deploys/answers'

def ask(answers, state, kind, *given)
  case kind
  when 'environment' then answers.environment(*given)
  when 'may_read' then answers.may_read?(*given[0, 3], plugins: given[3])
  when 'answers' then File.write(File.join(state, 'answers.json'), given[0])
  when 'age' then age(File.join(state, 'given', "#{given[0]}.json"), given[1])
  end
rescue Deploys::Error => error
  "error: #{error.message.gsub(state, '')}"
end

# As if it had been written so long ago.
def age(file, seconds)
  File.write(file, JSON.generate(JSON.parse(File.read(file)).map { |entry| entry.merge('at' => entry['at'] - seconds) }))
end

def told(state, test)
  Dir.mkdir(File.join(state, 'given'))
  File.write(File.join(state, 'answers.json'), test['answers']) if test['answers']
  answers = Deploys::Answers.new(state)
  plain = File.join(state, 'environments')
  FileUtils.mkdir_p(%w[production empty].map { |name| File.join(plain, name) })
  FileUtils.touch(File.join(plain, 'production', 'environment.conf'))
  Puppet.initialize_settings(['--confdir', state, '--vardir', state])
  loader = Puppet::Environments::Directories.new(plain, [])
  Puppet.override(environments: loader) { test['questions'].map { |question| ask(answers, state, *question) } }
end

$stdin.each_line do |line|
  Process.wait(fork { Dir.mktmpdir { |state| puts JSON.generate(told(state, JSON.parse(line))) } })
end
