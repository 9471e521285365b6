# @summary Some of the nodes, or none: a number, or a share of them such as `25%`
type Profile::Share = Variant[Integer[0], Pattern[/\A(0|[1-9][0-9]?|100)%\z/]]
