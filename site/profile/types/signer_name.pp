# @summary What messages call somebody who signs commits: a name or an address, without what has a meaning to ssh-keygen
type Profile::Signer_name = Pattern[/\A[A-Za-z0-9][A-Za-z0-9.@+_-]{0,63}\z/]
