# @summary What a service's config file says: section => key => value
type Flask_microservice::Config = Hash[Flask_microservice::Key, Hash[Flask_microservice::Key, Flask_microservice::Value]]
