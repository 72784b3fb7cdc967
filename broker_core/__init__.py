"""The replicated log behind the Kafka protocol; its public face is Broker and BrokerSettings."""
