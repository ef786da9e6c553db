import socket

from monitor_stream.embedded.ports import LOOPBACK, free_ports, is_free, is_listening


def test_ports_are_distinct_and_free() -> None:
    """As many ports as asked for, none twice, none taken."""
    ports = free_ports(20)
    assert len(set(ports)) == 20
    assert all(map(is_free, ports))


def test_ports_lie_below_those_of_outgoing_connections() -> None:
    """No outgoing connection can take a server's port while it restarts."""
    with socket.socket() as outgoing:
        outgoing.bind((LOOPBACK, 0))
        assert max(free_ports(20)) < outgoing.getsockname()[1]


def test_a_taken_port_is_not_free() -> None:
    """A port somebody listens on is neither offered nor overlooked."""
    with socket.socket() as server:
        server.bind((LOOPBACK, 0))
        server.listen()
        port = server.getsockname()[1]
        assert not is_free(port)
        assert is_listening(port)
    assert is_free(port)
    assert not is_listening(port)
