# frozen_string_literal: true

# @summary `eyaml_lookup_key` for hiera.yaml, with which secrets arrive as they were encrypted
#
# Puppet's own function decrypts a value and then takes each `%{...}` in it for Hiera's: the password `pa%{}ss` becomes
# `pass`, and `%{foo}` fails the catalog. With this one, what stands in `flask_microservice::secrets` and in
# `flask_microservice::secret_environment` arrives verbatim. Only an unencrypted value that is nothing but a reference, such as
# `%{lookup('KEY')}` or `%{facts.NAME}`, is still Hiera's. All other keys are looked up by Puppet's function; where that fails
# over a `%{...}`, the message says over which, and where.
#
# A path that is a directory stands for the files `*.yaml` in it, as if they were one: what several of them say of a key is
# merged as `deep` does; of all but hashes the first file's value counts. Hiera would look every key up in each file of a
# `glob`, and merge the files' hashes one after the other, which takes a second for some hundred services.
#
# It takes the options of `eyaml_lookup_key`, and needs hiera-eyaml as that does. One more is `shared_keys`: a directory with
# another `private_key.pkcs7.pem` and `public_key.pkcs7.pem`, for values that the first pair does not open. So each tier can have a
# pair of its own, and all of them one for what they share. Where no pair opens a value, the message says whose it is.
#
# @see https://www.puppet.com/docs/puppet/8/hiera_config_yaml_5
#
# @example In hiera.yaml
#   defaults:
#     lookup_key: flask_microservice::eyaml_lookup_key
#     options:
#       pkcs7_private_key: /etc/puppet/eyaml/private_key.pkcs7.pem
#       pkcs7_public_key: /etc/puppet/eyaml/public_key.pkcs7.pem
#   hierarchy:
#     - name: The services, a file each
#       path: services
#
# @example Options in hiera.yaml for a pair of keys for each tier
#   options:
#     pkcs7_private_key: /etc/puppet/eyaml/tiers/%{trusted.extensions.pp_environment}/private_key.pkcs7.pem
#     pkcs7_public_key: /etc/puppet/eyaml/tiers/%{trusted.extensions.pp_environment}/public_key.pkcs7.pem
#     shared_keys: /etc/puppet/eyaml
Puppet::Functions.create_function(:'flask_microservice::eyaml_lookup_key') do
  # @param key the key of Hiera that is looked up
  # @param options those of the layer in hiera.yaml, and the path of its file
  # @param context how Hiera keeps values, interpolates them, and is told that there is none
  # @return the value
  dispatch :look_up do
    param 'String[1]', :key
    param 'Hash[String[1], Any]', :options
    param 'Puppet::LookupContext', :context
    return_type 'Puppet::LookupValue'
  end

  # What a file says, or the files of a directory together, by key: what has to be decrypted or interpolated, and what is as it
  # stands. Of a hash each element counts by itself. `states` tells that a file has changed, by its path; `files` is what it says.
  Data = Struct.new(:states, :files, :open, :plain)

  def look_up(key, options, context)
    data = context.cached_value(:data) || read(options['path'], context)
    return plain_or_not_found(key, data, context) unless data.open.key?(key)

    value = opened(key, data.open[key], options, context)
    data.plain.key?(key) ? data.plain[key].merge(value) : value
  end

  def plain_or_not_found(key, data, context)
    context.not_found unless data.plain.key?(key)
    data.plain[key]
  end

  # Decrypted once for a catalog, as eyaml_lookup_key does: the context ends with it.
  def opened(key, written, options, context)
    return context.cached_value(key) if context.cache_has_key(key)

    value = decrypted(written, [key], options, context)
    finish = key.match?(/\Aflask_microservice::secret(s|_environment)\z/) ? :refer : :interpolated
    context.cache(key, send(finish, written, value, [key], options['path'], context))
  end

  # What is read is kept for all nodes, as Puppet keeps a file: as long as nothing changes.
  def read(path, context)
    paths = File.directory?(path) ? Dir.glob('*.yaml', base: path).sort.map { |name| File.join(path, name) } : [path]
    states = paths.to_h { |each| [each, File::Stat.new(each).then { |stat| [stat.ino, stat.mtime, stat.size] }] }
    data = @read&.dig(path)
    unless data&.states == states
      data = divided(states, paths.to_h { |each| [each, call_function('yaml_data', { 'path' => each }, context)] })
      @read = { **@read.to_h, path => data }
    end
    context.cache(:data, data)
  end

  def divided(states, files)
    data = Data.new(states, files, {}, {})
    merged(files.values).each do |key, value|
      if value.is_a?(Hash) && !plain?(value)
        plain, data.open[key] = value.partition { |name, each| plain?(name) && plain?(each) }.map(&:to_h)
        data.plain[key] = plain unless plain.empty?
      else
        (plain?(value) ? data.plain : data.open)[key] = value
      end
    end
    data
  end

  def merged(files)
    deep = Puppet::Pops::MergeStrategy.strategy(:deep)
    files.each_with_object({}) do |file, all|
      file.each do |key, value|
        if !all.key?(key)
          all[key] = value.is_a?(Hash) ? value.dup : value
        elsif all[key].is_a?(Hash) && value.is_a?(Hash)
          all[key].merge!(value) { |name, first, other| deep.merge({ name => first }, { name => other })[name] }
        end
      end
    end
  end

  def plain?(value)
    case value
    when Hash then value.all? { |name, each| plain?(name) && plain?(each) }
    when Array then value.all? { |each| plain?(each) }
    when String then !value.match?(/%\{|ENC\[/)
    else true
    end
  end

  # The value in plain text, not yet interpolated.
  def decrypted(written, place, options, context)
    case written
    when Hash then written.to_h { |name, each| [name, decrypted(each, [*place, name], options, context)] }
    when Array then written.each_with_index.map { |each, at| decrypted(each, [*place, at], options, context) }
    when /ENC\[.*?\]/m then plain_text(written, place, options, context)
    else written
    end
  end

  # The pair of the options opens it, or else the shared one. A pair that is not there opens nothing.
  def plain_text(written, place, options, context)
    require_eyaml
    errors = [options, shared_pair(options)].compact.map do |pair|
      Hiera::Backend::Eyaml::Options.set(pair) # just before: the options are the same for all of the process
      return Hiera::Backend::Eyaml::Parser::ParserFactory.hiera_backend_parser.parse(written).map(&:to_plain_text).join.chomp
    rescue StandardError => e
      e
    end
    fail_to_open(written, errors, place, options, context)
  end

  def require_eyaml
    unless Puppet.features.hiera_eyaml?
      raise Puppet::DataBinding::LookupError, 'flask_microservice::eyaml_lookup_key needs hiera-eyaml to decrypt a value'
    end

    %w[encryptor utils options parser/parser].each { |name| require "hiera/backend/eyaml/#{name}" }
  end

  def shared_pair(options)
    directory = options['shared_keys']
    return unless directory

    options.merge(
      'pkcs7_private_key' => File.join(directory, 'private_key.pkcs7.pem'),
      'pkcs7_public_key' => File.join(directory, 'public_key.pkcs7.pem')
    )
  end

  def fail_to_open(written, errors, place, options, context)
    tier = context.interpolate('%{trusted.extensions.pp_environment}')
    failed = "can't be decrypted: #{errors.map(&:message).uniq.join('; ')}"
    reason =
      case whose = owner(written)
      when nil, tier then failed
      when '' then options['shared_keys'] ? failed : of_fleet(tier)
      else "is encrypted for tier '#{whose}' and stands here for tier '#{tier}': encrypt the value anew with that tier's key"
      end
    raise Puppet::DataBinding::LookupError, "#{where(place)} #{reason} (#{file(place, options['path'])})"
  end

  def of_fleet(tier)
    "is encrypted for the fleet, and hiera.yaml has no shared_keys here: encrypt the value anew with the key of tier '#{tier}'"
  end

  # The tier whose key a value is encrypted for, as the certificate that stands for the key says it; empty if that is the fleet's,
  # nil if it is none of these.
  def owner(written)
    envelope = OpenSSL::ASN1.decode(Base64.decode64(written[/ENC\[(?:PKCS7,)?([^\]]*)\]/m, 1]))
    recipient = envelope.value[1].value[0].value.find { |part| part.is_a?(OpenSSL::ASN1::Set) }.value[0]
    name = OpenSSL::X509::Name.new(recipient.value[1].value[0].to_der).to_a.to_h { |type, value, _| [type, value] }
    name['CN'] == 'hiera-eyaml' ? name['OU'].to_s : nil
  rescue OpenSSL::OpenSSLError, ArgumentError, NoMethodError, TypeError
    nil
  end

  # The value as Hiera interpolates it.
  def interpolated(written, value, place, path, context)
    interpolate(value, context)
  rescue StandardError
    explain(written, place, path, context)
    raise
  end

  def interpolate(value, context)
    case value
    when Hash then value.to_h { |name, each| [context.interpolate(name), interpolate(each, context)] }
    when Array then value.map { |each| interpolate(each, context) }
    when String then context.interpolate(value)
    else value
    end
  end

  # The value, with what its references stand for; `written` is the same as it stands in the file, still encrypted.
  def refer(written, value, place, path, context)
    case written
    when Hash then value.to_h { |name, each| [name, refer(written[name], each, [*place, name], path, context)] }
    when Array then value.each_with_index.map { |each, at| refer(written[at], each, [*place, at], path, context) }
    when /\A%\{\s*((lookup|hiera|alias)\(("[^"]+"|'[^']+')\)|(::)?(facts|trusted|server_facts)\.[^{}]+)\s*\}\z/
      begin
        context.interpolate(written)
      rescue StandardError
        explain(written, place, path, context)
        raise
      end
    when String then text(value, place, path)
    else value
    end
  end

  # Whoever encrypts bytes that are no text would get an error that names no key.
  def text(value, place, path)
    return value if value.valid_encoding?

    raise Puppet::DataBinding::LookupError, "#{where(place)} is no text in UTF-8: encrypt it anew as one (#{file(place, path)})"
  end

  # Fails with the place of the text that Hiera can't interpolate; comes back if there is none, or the fault is another one.
  def explain(written, place, path, context)
    case written
    when Hash then written.each { |name, each| explain(each, [*place, name], path, context) }
    when Array then written.each_with_index { |each, at| explain(each, [*place, at], path, context) }
    when String
      [*written.scan(/%\{[^}]*\}/), written].each do |text|
        context.interpolate(text)
      rescue StandardError => e
        fail_over(text, e, place, path)
      end
    end
  end

  def where(place)
    key, *below = place
    below.empty? ? key : "#{key} (#{below.join(': ')})"
  end

  # The file that says something, where the path is that of a directory.
  def file(place, path)
    files = @read&.dig(path)&.files.to_h
    files.keys.find { |each| files[each].is_a?(Hash) && !files[each].dig(*place[0..1]).nil? } || path
  end

  def fail_over(text, error, place, path)
    reason = error.is_a?(UncaughtThrowError) ? 'there is no such variable' : error.message.sub(/[;\s]+\z/, '')
    raise Puppet::DataBinding::LookupError,
          "#{where(place)} has '#{text}', which Hiera can't interpolate: #{reason}; " \
          "if the text itself is meant, write %{literal('%')} in the place of its % (#{file(place, path)})"
  end
end
