# frozen_string_literal: true

require 'etc'

module PuppetPatches
  # What Facter starts seven processes for. On Debian uname(1) does not know the kind of processor.
  module FacterUname
    private

    def uname_system_call(fact)
      known = Etc.uname
      build_fact_list([*known.values_at(:machine, :nodename), 'unknown', *known.values_at(:release, :sysname, :version)].join("\n"))
      @fact_list[fact]
    end
  end

  define 'facter_uname', relies_on: %w[facter/resolvers/uname.rb] do
    Facter::Resolvers::Uname.singleton_class.prepend(FacterUname)
  end
end
