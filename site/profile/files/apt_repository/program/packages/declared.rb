# frozen_string_literal: true

# Prints, as a JSON array, the names of the packages that services run from, by the data of Hiera in the environments that are
# its arguments. What another layer says of the same service only adds to it.
require 'json'
require 'yaml'

KEY = 'flask_microservice::services'
NO_DATA = %w[modules vendor site].freeze

def files(environment)
  top = Dir.children(environment) - NO_DATA
  top.flat_map { |name| Dir.glob(["#{environment}/#{name}/**/*.{yaml,yml}", "#{environment}/#{name}"]) }.select { |file| File.file?(file) }
end

def services(file)
  text = File.binread(file).force_encoding('UTF-8')
  return {} unless file.end_with?('.yaml', '.yml') && text.include?(KEY)

  data = YAML.safe_load(text, permitted_classes: [Symbol], aliases: true)
  found = data.is_a?(Hash) ? data[KEY] : nil
  found.is_a?(Hash) ? found : {}
rescue Psych::Exception, SystemCallError
  {} # fleet validate and deploys say what is wrong with it
end

found = ARGV.flat_map { |environment| files(environment) }.flat_map do |file|
  services(file).map { |name, declared| (declared.is_a?(Hash) && declared['package']) || name }
end
puts JSON.generate(found.map(&:to_s).uniq)
