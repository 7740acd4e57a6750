"""Pictures one after another as a film in a file: GIF, and MP4 by the ffmpeg that imageio-ffmpeg brings along."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from niche_sim.engine.errors import InputError

Picture = NDArray[np.uint8]  # [height, width, 3]; both even, as H.264 wants it

ENDINGS = (".mp4", ".gif")
TICKS = 12.5  # a second; 80 ms each, which the hundredths of a second of a GIF can say


def check_ending(file: Path, where: str = "") -> None:
    """Raises InputError, naming `where` or else the file, if no film of that name can be written here."""
    ending = file.suffix.lower()
    if ending not in ENDINGS:
        found = f"a name that ends in {ending}" if ending else "a name without an ending"
        raise InputError(where or str(file), found, f"one that ends in {' or '.join(ENDINGS)} is needed")
    if ending == ".mp4":
        _encoder(where or str(file))


def write_gif(frames: Iterator[tuple[Picture, int]], colours: Picture, part: Path) -> None:
    """Write pictures, each with the ticks that it is to be seen, as a GIF that begins again at its end.

    colours: uint8[n, 3], at most 256, those of all frames, so that none flickers: a colour is shown by the nearest.
    """
    palette = Image.new("P", (1, 1))
    palette.putpalette(colours.tobytes())
    images, durations = [], []
    for picture, ticks in frames:
        images.append(Image.fromarray(picture).quantize(palette=palette, dither=Image.Dither.NONE))
        durations.append(round(ticks * 1000.0 / TICKS))
    images[0].save(part, "GIF", save_all=True, append_images=images[1:], duration=durations, loop=0)


def write_mp4(frames: Iterator[tuple[Picture, int]], size: tuple[int, int], part: Path) -> None:
    """Write pictures, each with the ticks that it is to be seen, as H.264 that browsers and slide programs play.

    size: width and height of the pictures. Raises OSError with the encoder's last words, InputError if there is none.
    """
    command = [
        _encoder(str(part)), "-y", "-loglevel", "error", "-f", "rawvideo", "-pix_fmt", "rgb24",
        "-s", f"{size[0]}x{size[1]}", "-r", f"{TICKS}", "-i", "-", "-an", "-c:v", "libx264", "-preset", "medium",
        "-crf", "31", "-pix_fmt", "yuv420p", "-movflags", "+faststart", "-f", "mp4", str(part),
    ]  # fmt: skip
    with tempfile.TemporaryFile() as said:
        # In a group of its own, so that Ctrl-C in a terminal is for whoever runs it alone.
        encoder = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=said, process_group=0
        )
        assert encoder.stdin is not None
        try:
            for picture, ticks in frames:
                encoder.stdin.write(picture.tobytes() * ticks)
            encoder.stdin.close()
            failed = encoder.wait() != 0
        except BrokenPipeError:
            failed = True
        finally:
            encoder.kill()
            encoder.communicate()
        if failed:
            said.seek(0)
            lines = said.read().decode(errors="replace").split("\n")
            raise OSError(next((line.strip() for line in reversed(lines) if line.strip()), "the encoder stopped"))


def _encoder(where: str) -> str:
    """The path of ffmpeg. Raises InputError if it is not installed."""
    try:
        import imageio_ffmpeg

        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except (ImportError, RuntimeError):
        allowed = "`pip install 'niche-sim[film]'`, or a name that ends in .gif"
        raise InputError(where, "MP4 needs imageio-ffmpeg, which is not installed", allowed) from None
