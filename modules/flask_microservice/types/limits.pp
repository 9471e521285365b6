# @summary What a service may use of its machine
#
# memory: bytes, with a suffix K, M, G or T, or a percentage of the machine's (MemoryMax=); tasks: threads and processes
# (TasksMax=); cpu: percent of one processor, so 200% is two (CPUQuota=); files: open files and sockets of each process
# (LimitNOFILE=); shared_memory: what it may have in /dev/shm, which is its own, in bytes, with a suffix K, M, G or T. A limit
# that is more than systemd can hold would be none at all, so it is refused.
#
# @see systemd.resource-control(5), systemd.exec(5)
type Flask_microservice::Limits = Struct[{
    Optional[memory]        => Pattern[/\A[1-9][0-9]{0,14}\z/, /\A[1-9][0-9]{0,5}[KMGT]\z/, /\A([1-9][0-9]?|100)%\z/],
    Optional[tasks]         => Integer[1, 4194304],
    Optional[cpu]           => Pattern[/\A[1-9][0-9]{0,5}%\z/],
    Optional[files]         => Integer[64, 1073741816],
    Optional[shared_memory] => Pattern[/\A[1-9][0-9]{0,14}\z/, /\A[1-9][0-9]{0,5}[KMGT]\z/],
}]
