"""monitor-stream: a stream monitor of machine-learning models on Kafka."""
