# @summary Those of a service's deadlines that differ from the usual ones, in seconds; see `Flask_microservice::Deadlines`
type Flask_microservice::Some_deadlines = Struct[{
    Optional[ready]   => Integer[1],
    Optional[watch]   => Integer[0],
    Optional[migrate] => Integer[1],
    Optional[stop]    => Integer[1],
}]
