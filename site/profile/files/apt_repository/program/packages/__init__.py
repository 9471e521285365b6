"""Publishing Debian packages in the fleet's apt repository."""
