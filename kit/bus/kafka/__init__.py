"""The bus on Kafka; the only package that knows its client, aiokafka."""
