# @summary Some of the nodes, at least one: a number, or a share of them such as `25%`
type Profile::Positive_share = Variant[Integer[1], Pattern[/\A([1-9][0-9]?|100)%\z/]]
