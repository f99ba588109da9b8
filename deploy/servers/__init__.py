"""Real servers without containers: Kafka, an S3 store and Postgres as processes on loopback.

For development and for the tests marked `cluster`. Programs are fetched once, at pinned versions,
into the cache; everything else lies in `.services` of the checkout, so two checkouts run side by
side and removing that folder (after `down`) removes everything.
"""
