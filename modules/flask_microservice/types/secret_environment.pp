# @summary What flask_microservice::secret_environment holds once it is decrypted: service => variable => value
type Flask_microservice::Secret_environment = Hash[
  Flask_microservice::Name,
  Hash[Flask_microservice::Variable, Flask_microservice::Secret_text]
]
