# @summary Services that Hiera does not run: of another tier, or of nobody here: name => where
#
# `addresses` is where the host of `url` is reached, since services ask no name server; its name stands for the first of them.
# `ca_file` holds the certificate of the authority that signed the host's, where that is not a public one.
#
# @example
#   { 'legacy' => { 'url' => 'https://legacy.example.org/api', 'addresses' => ['192.0.2.80'], 'ca_file' => '/etc/ssl/ca.pem' } }
type Flask_microservice::External = Hash[Flask_microservice::Name, Struct[{
      url               => Flask_microservice::Base_url,
      addresses         => Array[Stdlib::IP::Address::Nosubnet, 1],
      Optional[ca_file] => Stdlib::Absolutepath,
}]]
