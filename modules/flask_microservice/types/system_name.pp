# @summary A name that something of the system has: an account, a unit, a directory or a package
#
# `fleet new` refuses all of them. `flask_microservice::name_problems` says what is in the way of a service.
type Flask_microservice::System_name = Variant[
  Flask_microservice::System_account,
  Flask_microservice::System_unit,
  Flask_microservice::System_directory,
  Flask_microservice::System_package,
]
