# @summary How long a service, and the steps of a switch, may take, in seconds, where it is not the usual time
#
# ready: from the end of its migrations until it answers its health check; watch: how long it has to stay so before it takes
# over; migrate: its migrations; stop: how long requests under way have when it is stopped, for which no switch waits;
# hang: for how long no request may begin or end while all its threads are busy, before its health check says that it hangs.
# request: for how long a request of up to 64 KB may take to arrive. Of a longer one, 1 KB a second has to arrive after that; so
# much has to be taken of an answer, of which a client may take nothing for that long.
type Flask_microservice::Deadlines = Struct[{
    Optional[ready]   => Integer[1, 86400],
    Optional[watch]   => Integer[0, 86400],
    Optional[migrate] => Integer[1, 86400],
    Optional[stop]    => Integer[1, 86400],
    Optional[hang]    => Integer[1, 86400],
    Optional[request] => Integer[1, 86400],
}]
