# @summary Which keys of a service's config file are secret: section => names of its keys
type Flask_microservice::Secret_keys = Hash[Flask_microservice::Key, Array[Flask_microservice::Key, 1]]
