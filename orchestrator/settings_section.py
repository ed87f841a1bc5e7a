"""What all sections of the settings have in common."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A section of the settings. It is frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")
