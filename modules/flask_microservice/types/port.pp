# @summary A TCP port that a socket can listen on
type Flask_microservice::Port = Integer[1, 65535]
