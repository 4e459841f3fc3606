"""What development needs of other programs: a real Cassandra on this machine."""
