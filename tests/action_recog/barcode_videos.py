"""Videos whose every frame carries its own number, written as a bar code of black and white
cells."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np

WIDTH, HEIGHT, BITS = 160, 96, 10
# MPEG-4: a picture in which nothing is coded, as XVID writes after a packet with two pictures
_NOTHING_CODED = bytes([0, 0, 1, 0xB6, 0b01_0_1_0000, 0b0_1_0_01111, 0x7F])


def numbered_frame(number: int) -> np.ndarray:
    """(96,160,3) uint8: the number above, noise that differs from frame to frame below."""
    noise = np.random.default_rng(number).integers(0, 255, (8, 20, 3), np.uint8)
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    image[32:] = noise.repeat(8, 0).repeat(8, 1)
    cell = WIDTH // BITS
    for bit in range(BITS):
        image[:32, bit * cell : (bit + 1) * cell] = 255 * ((number >> bit) & 1)
    return image


def read_number(image: np.ndarray) -> int:
    cell = WIDTH // BITS
    cells = [image[8:24, b * cell + 4 : (b + 1) * cell - 4].mean() > 128 for b in range(BITS)]
    return sum(int(on) << b for b, on in enumerate(cells))


def write_numbered(
    path: Path,
    codec: str,
    *,
    frames: int,
    b_frames: int = 0,
    group: int = 12,
    options: dict[str, str] | None = None,
) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options=options or {})
        stream.width, stream.height = WIDTH, HEIGHT
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.codec_context.gop_size = group
        if codec == "mpeg4":
            stream.codec_context.max_b_frames = b_frames
        for number in range(frames):
            picture = av.VideoFrame.from_ndarray(numbered_frame(number), format="rgb24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return path


def pack_b_frames(source: Path, target: Path) -> Path:
    """Rewrite an AVI with single B-frames the way XVID and DivX pack them: [P B] [nothing] [P B]
    ..."""
    with av.open(str(source)) as original, av.open(str(target), "w") as packed:
        stream = original.streams.video[0]
        payloads = [bytes(p) for p in original.demux(stream) if p.size]
        copy = packed.add_stream_from_template(stream)
        rewritten: list[bytes] = []
        for payload in payloads:
            kind = payload[payload.index(b"\x00\x00\x01\xb6") + 4] >> 6
            if kind == 2:  # a B picture joins the P picture before it
                rewritten[-1] += payload
                rewritten.append(_NOTHING_CODED)
            else:
                rewritten.append(payload)
        mark = b"\x00\x00\x01\xb2DivX503b1393p"
        at = rewritten[0].index(b"\x00\x00\x01\xb6")
        rewritten[0] = rewritten[0][:at] + mark + rewritten[0][at:]
        for index, payload in enumerate(rewritten):
            packet = av.Packet(payload)
            packet.stream, packet.time_base = copy, stream.time_base
            packet.pts = packet.dts = index
            packet.is_keyframe = payload[payload.index(b"\x00\x00\x01\xb6") + 4] >> 6 == 0
            packed.mux(packet)
    return target
