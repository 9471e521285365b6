# @summary The PostgreSQL server that services of a node keep their data on
#
# `host` is the name in the server's certificate, which every connection verifies. `address` is where it is reached: a
# service may connect to declared addresses only, and so can ask no name server. `ca_file` holds the certificate of the
# authority that signed the server's, and has to be readable for the services' accounts.
type Flask_microservice::Database_server = Struct[{
    host           => Stdlib::Fqdn,
    address        => Stdlib::IP::Address::Nosubnet,
    ca_file        => Stdlib::Absolutepath,
    Optional[port] => Flask_microservice::Port,
}]
