# frozen_string_literal: true

module PuppetPatches
  # The file of what each resource was like is left as it is where it says the same already.
  module TransactionStore
    def save
      same = @old_data == @new_data && @old_data['resources']&.any?
      super unless same && Puppet::FileSystem.exist?(Puppet[:transactionstorefile])
    end
  end

  define 'transaction_store', relies_on: %w[puppet/transaction/persistence.rb] do
    Puppet::Transaction::Persistence.prepend(TransactionStore)
  end
end
