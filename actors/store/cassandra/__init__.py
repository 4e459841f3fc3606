"""The store of a cluster: the protocol of `actors.store.store` on Apache Cassandra.

schema.py       tables, statements, migrations
records.py      what one group commit is in the ledger
chain.py        the ledgers of one life: append, roll, seal
lives.py        sealing and draining lives, taking groups
unflushed.py    what is only in the ledger yet, in memory
flushing.py     how that becomes rows of the tables; flusher.py does it beside the writer
reads.py        every read, with what is unflushed laid over it
writer.py       group commits; store.py puts all of it together
steps.py        all of the above ask through this, so that it runs on the driver (driver.py) and in a simulation
"""
