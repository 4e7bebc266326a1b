"""What tests share: brokers, fake links, hand-made boxes, sample runs."""
