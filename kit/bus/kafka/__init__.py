"""The bus on Kafka; the only package that imports its client, aiokafka."""
