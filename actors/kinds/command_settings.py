"""What a catalog says about a command besides its argument vector: arguments, files, output, sandbox."""

import re
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from planners.model import Model

ANYWHERE = "*:*"
# It must not look like an option of podman.
_IMAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/:@-]*")


class Sandbox(Model):
    """What a sandboxed command may do. Its working folder is its own, empty and writable, and removed afterwards.

    Attributes:
        readable: paths that it may read besides its folder and the programs and libraries of the system.
        writable: paths that it may read and write besides its folder.
        network: ``host:port`` that it may connect to; ``*`` for any port. Empty: none.
            A container has none, or all: ``*:*``.
        memory_bytes: of all its processes together.
        processes: at most so many at a time.
    """

    readable: tuple[str, ...] = ()
    writable: tuple[str, ...] = ()
    network: tuple[str, ...] = ()
    memory_bytes: int = Field(default=1024**3, ge=1024**2)
    processes: int = Field(default=64, ge=1)

    @model_validator(mode="after")
    def _names_places(self) -> Self:
        for name in ("readable", "writable"):
            if relative := [path for path in getattr(self, name) if not path.startswith("/")]:
                raise ValueError(f"{name}: '{relative[0]}' is not an absolute path; begin it with /")
        if wrong := [place for place in self.network if place.count(":") != 1 or place.startswith(":")]:
            raise ValueError(f"network: '{wrong[0]}' is not host:port; write host:port, or host:* for all ports")
        return self


class CommandSettings(Model):
    """How a command gets its inputs and gives its output.

    Attributes:
        arguments: added to the argument vector; templates over the inputs. Each stays one argument.
        files: written into its working folder before it starts: name -> template.
        output: where the output is: ``stdout``, or the name of a file in its working folder.
        format: of the output: ``json``, or ``text``.
        image: of the container that it runs in; None: it runs on the node itself.
        sandbox: what it may do; None: whatever the service may, or, in a container, what the defaults of `Sandbox` say.
    """

    arguments: tuple[str, ...] = ()
    files: dict[str, str] = Field(default_factory=dict)
    output: str = "stdout"
    format: Literal["json", "text"] = "json"
    image: str | None = None
    sandbox: Sandbox | None = None

    @field_validator("image")
    @classmethod
    def _image_is_a_name(cls, image: str | None) -> str | None:
        if image is not None and _IMAGE.fullmatch(image) is None:
            raise ValueError(f"'{image}' is not the name of an image; write one such as docker.io/library/alpine:3.20")
        return image

    @model_validator(mode="after")
    def _container_can_keep_the_sandbox(self) -> Self:
        if self.image is None or self.sandbox is None:
            return self
        if self.sandbox.network not in ((), (ANYWHERE,)):
            raise ValueError(f"sandbox.network: a container has no network, or all of it; write [] or ['{ANYWHERE}']")
        for path in (*self.sandbox.readable, *self.sandbox.writable):
            if ":" in path:
                raise ValueError(
                    f"sandbox: '{path}' has a colon and cannot be mounted in a container; give another path"
                )
        return self

    @model_validator(mode="after")
    def _files_are_in_its_folder(self) -> Self:
        for name in (*self.files, self.output):
            if not name or "/" in name or name in (".", "..") or "\0" in name:
                raise ValueError(f"'{name}' is not the name of a file in the working folder; write a name without /")
        return self

    @property
    def own_folder(self) -> bool:
        """Whether the command runs in a folder of its own, and not in that of the service."""
        needed = self.sandbox is not None or self.image is not None
        return needed or bool(self.files) or self.output != "stdout"
