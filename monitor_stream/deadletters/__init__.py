"""What was set aside: listed, shown whole, and sent to its topic again once the cause is mended.

A dead letter says where the record lies; the record itself is read from its topic, while retention keeps it. That a
record was sent again is noted on the topic of dead letters, so that nobody sends it twice without wanting to.
"""
