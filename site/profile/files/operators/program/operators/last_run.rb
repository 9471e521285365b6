# frozen_string_literal: true

# last_run.rb SUMMARY REPORT: what the last run of the agent came to, as JSON. Python's standard library reads no YAML.
# Of the report it prints the failures alone, and no value of a property: a secret is not in it.
require 'json'
require 'yaml'

LONGEST = 2000
MOST = 200

# A report's Ruby objects as plain hashes: none of them is made.
def plain(file)
  document = YAML.parse_file(file)
  return {} unless document

  document.each { |node| node.tag = nil if node.respond_to?(:tag=) }
  document.to_ruby
end

def failures(report)
  statuses = report['resource_statuses'] || {}
  failed = statuses.select { |_, status| status['failed'] || status['failed_to_restart'] }
  failed.first(MOST).map do |name, status|
    events = (status['events'] || []).select { |event| event['status'] == 'failure' }
    texts = events.map { |event| event['redacted'] ? "#{event['property']}: [redacted]" : event['message'].to_s }
    where = status['file'] ? "#{status['file']}:#{status['line']}" : ''
    message = texts.empty? ? 'failed to restart' : texts.join('; ')
    { resource: name, where: where, message: message[0, LONGEST] }
  end
end

# A report has the status of the run near its beginning. Where nothing failed that is all that is wanted: a report of
# a few hundred resources takes longer to read than all else here.
def outcome(file)
  return unless File.exist?(file)

  status = File.foreach(file).find { |line| line.start_with?('status: ') }.to_s[/\Astatus: (changed|unchanged)$/, 1]
  status ? { 'status' => status } : plain(file)
end

summary = File.exist?(ARGV[0]) ? plain(ARGV[0]) : nil
report = outcome(ARGV[1])
run = summary && {
  time: summary.dig('time', 'last_run'),
  version: summary.dig('version', 'config'),
  environment: summary.dig('application', 'converged_environment'),
  status: report && report['status'],
  failures: summary.dig('events', 'failure'),
  changed: summary.dig('resources', 'changed')
}
puts JSON.generate({ last_run: run, failed: report && failures(report) })
