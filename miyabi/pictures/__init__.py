"""Pictures as SVG, for places that draw an image and run no script: the DAG and the timeline of a run. Pure.

They are as wide as a phone and grow downwards, on a ground of their own, and tell a state by sign as well as by colour.
"""

from miyabi.pictures.dag import dag_picture
from miyabi.pictures.embed import as_image
from miyabi.pictures.timeline import timeline_picture

__all__ = ["as_image", "dag_picture", "timeline_picture"]
