# @summary What flask_microservice::secrets holds once it is decrypted: service => section => key => value
type Flask_microservice::Secrets = Hash[Flask_microservice::Name, Flask_microservice::Config]
