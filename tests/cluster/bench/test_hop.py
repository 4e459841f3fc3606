"""The measurements of links run and give figures."""

from __future__ import annotations

import pytest

from cluster.bench import codec, hop


@pytest.mark.slow
def test_a_hop_is_measured_at_every_batch_size_beside_the_bare_relay(capsys: pytest.CaptureFixture[str]) -> None:
    hop.main(seconds=0.05)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("bare relay, CPU per delivery:")
    assert [int(line.split()[0]) for line in lines[2:]] == list(hop.BATCHES)
    assert all(0 < float(figure) < 10_000 for line in lines[2:] for figure in line.split()[1:3])


def test_the_codec_is_measured_and_gives_back_what_it_was_given() -> None:
    figure = codec.measure("ours", codec.ours_encode, codec.ours_decode, rounds=2)
    assert figure.encode_us > 0
    assert figure.decode_us > 0
    assert 150 < figure.bytes < 260


def test_an_encoding_that_loses_messages_is_found() -> None:
    with pytest.raises(RuntimeError, match="does not give back"):
        codec.measure("broken", codec.ours_encode, lambda data: 0, rounds=1)
