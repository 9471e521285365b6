# frozen_string_literal: true

require 'date'
require_relative 'inputs'

# What time it is for code that asks: the same for all catalogs of a plan, whenever each is compiled.
module Clock
  class << self
    attr_accessor :time
  end

  # For Time.
  module OfTime
    def now(**options)
      Inputs.done('clock') ? ::Time.at(Clock.time, **options) : super
    end

    def new(*arguments, **options)
      arguments.empty? && Inputs.done('clock') ? ::Time.at(Clock.time, **options) : super
    end
  end
  ::Time.singleton_class.prepend(OfTime)

  # For DateTime.
  module OfDateTime
    def now(*)
      Inputs.done('clock') ? Clock.time.to_datetime : super
    end
  end
  ::DateTime.singleton_class.prepend(OfDateTime)

  # For Date.
  module OfDate
    def today(*)
      Inputs.done('clock') ? Clock.time.to_date : super
    end
  end
  ::Date.singleton_class.prepend(OfDate)
end
