"""The image's size above its base."""

import os
import pathlib

import docker

ROOT = pathlib.Path(__file__).parents[1]
DEFAULT_BASE = "python:3.13-slim-trixie"


def main() -> None:
    """Build the image as shipped and print how much larger than its base it is."""
    engine = docker.from_env()
    base = os.environ.get("KORE_GATE_BASE_IMAGE", "")
    arguments = {"BASE_IMAGE": base} if base else {}
    image, _ = engine.images.build(path=str(ROOT), buildargs=arguments, network_mode="host", rm=True)
    below = engine.images.get(base or DEFAULT_BASE).attrs["Size"]
    above = (image.attrs["Size"] - below) / 1e6
    print(
        f"| (d) image size | {image.attrs['Size'] / 1e6:.0f} MB | base image: {below / 1e6:.0f} MB | {above:+.1f} MB |"
    )


if __name__ == "__main__":
    main()
