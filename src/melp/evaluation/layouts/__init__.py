"""Tables of results in the layouts of the paper, from the cells of one folder or several.

A layout says which cells a table has, and in what order (`layout`). The cells of several seeds become one
entry (`entries`), the best entries are marked (`marks`), and the table is written as Markdown, LaTeX, CSV,
PDF and a figure (`write`).
"""

from melp.evaluation.layouts.layout import LAYOUTS, Layout, any_layout
from melp.evaluation.layouts.write import write_table

__all__ = ["LAYOUTS", "Layout", "any_layout", "write_table"]
