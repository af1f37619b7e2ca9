# SPDX-License-Identifier: GPL-2.0-only
"""What the pages of the tour need of Sphinx: ``.. solution::``, which the reader opens when he has tried, and
is folded up in HTML and plain elsewhere; and the colours of their sessions, whose prompts are hosts' names.
"""

from docutils import nodes
from docutils.parsers.rst import Directive
from pygments.lexer import RegexLexer, bygroups
from pygments.token import Generic


class SessionLexer(RegexLexer):
    tokens = {
        "root": [
            (r"^(\w+# )(.*\n)", bygroups(Generic.Prompt, Generic.Strong)),
            (r"^(> )(.*\n)", bygroups(Generic.Prompt, Generic.Strong)),
            (r"^.*\n", Generic.Output),
        ]
    }


class solution(nodes.General, nodes.Element):
    pass


class Solution(Directive):
    has_content = True

    def run(self):
        node = solution()
        self.state.nested_parse(self.content, self.content_offset, node)
        return [node]


def visit_html(self, _):
    self.body.append('<details class="solution"><summary>Solution</summary>\n')


def depart_html(self, _):
    self.body.append("</details>\n")


def plain(*_):
    pass


def setup(app):
    app.add_node(solution, html=(visit_html, depart_html), man=(plain, plain), text=(plain, plain))
    app.add_directive("solution", Solution)
    app.add_lexer("console", SessionLexer)
    return {"parallel_read_safe": True}
