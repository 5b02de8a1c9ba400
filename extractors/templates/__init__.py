"""Templates: reads invoice2data's YAML templates, so that its users can move over.

`load_templates` reads and checks a folder of them; `apply_templates` finds the
one whose keywords stand on the pages and adds its values to what was read.
Values are candidates: arithmetic and check digits have the last word.
"""

from extractors.templates.files import Template, load_templates, read_template
from extractors.templates.merging import apply_templates

__all__ = ["Template", "apply_templates", "load_templates", "read_template"]
