# SPDX-License-Identifier: GPL-2.0-only
"""Manual pages from the same sources as the HTML pages: the builder `man` (`make man`).

tools/edu.rst becomes edu(8) and, for each of its sections "edu COMMAND", edu-COMMAND(8); socket-abi.rst
becomes eduinet(7) and proc.rst eduinet-proc(5). The line under NAME of a command is the one that
`edu help` prints, from the table in userspace/edu/main.cc.

What a page needs beyond the text is made here: SYNOPSIS is the block with which a section begins, else
the forms of the command that it explains; what stands before the first heading is DESCRIPTION; SEE ALSO
names the other pages. Tables become lists, for a terminal is too narrow for them.
"""

import os
import re
import textwrap

from docutils import nodes
from docutils.frontend import OptionParser
from docutils.io import FileOutput
from sphinx import addnodes
from sphinx.builders.manpage import ManualPageBuilder
from sphinx.util.docutils import LoggingReporter
from sphinx.writers.manpage import ManualPageWriter

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TOOL = "tools/edu"
# Document: name and section of its page, and the line under NAME.
PAGES = {
    TOOL: ("edu", 8, "show, configure and try out the EDUINET stack"),
    "socket-abi": ("eduinet", 7, "AF_EDUINET, the address family of the TLK chapter"),
    "proc": ("eduinet-proc", 5, "files, settings, counters and tracepoints of EDUINET"),
}


def summaries():
    """{command: what `edu help` says of it}"""
    with open(os.path.join(TOP, "userspace/edu/main.cc"), encoding="utf-8") as file:
        return dict(re.findall(r'^\t\{"(\w+)[^"]*", "([^"]*)", edu::run_\w+\},$', file.read(), flags=re.M))


def section(title, *content):
    return nodes.section("", nodes.title(title, title), *content)


def page_of(title, *content):
    """A document of one section, whose title the page's head takes the place of."""
    tree = nodes.document(None, None)
    tree += section(title, *content)
    return tree


def terms_to_lists(tree):
    """Each row of a table: its first cell explained by the others, by their columns' heads."""
    for table in list(tree.findall(nodes.table)):
        heads = [entry.astext() for row in table.findall(nodes.row)
                 if isinstance(row.parent, nodes.thead) for entry in row]
        items = nodes.definition_list()
        for row in table.findall(nodes.row):
            if isinstance(row.parent, nodes.thead):
                continue
            first, *middle, last = row
            words = [node for paragraph in first for node in [*paragraph, nodes.Text(" ")]]
            told = [f"{head} {entry.astext()}" for head, entry in zip(heads[1:], middle) if entry.astext()]
            meaning = [nodes.paragraph("", "; ".join(told) + ".")] if told else []
            items += nodes.definition_list_item(
                "", nodes.term("", "", *words[:-1]), nodes.definition("", *meaning, *last.children))
        table.replace_self(items)


def is_synopsis(node):
    """A block, or a paragraph that is one literal."""
    if isinstance(node, nodes.paragraph):
        return len(node) == 1 and isinstance(node[0], nodes.literal) and node.astext().startswith("edu ")
    return isinstance(node, nodes.literal_block)


def synopsis_of(name, content):
    """The block at the head of the content, which loses it, or the forms it explains."""
    if content and isinstance(content[0], nodes.paragraph) and not content[0].astext().strip(": \n"):
        content.pop(0)
    if content and is_synopsis(content[0]):
        text = content.pop(0).astext()
    else:
        terms = [term.astext() for node in content for term in node.findall(nodes.term)]
        text = "\n".join(line for term in terms for line in re.split(r", (?=edu )| \(or ", term)
                         if line.startswith(name))
    # The list of commands is a section of its own, and a block is not broken into lines by man.
    text = re.sub(r"^edu \w+\|.*\n", "", text, flags=re.M)
    text = "\n".join(part for line in text.split("\n") for part in textwrap.wrap(
        line, 72, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False) or [""])
    return [section("SYNOPSIS", nodes.literal_block(text, text))] if text else []


def see_also(own, commands):
    """The pages but the own one, by section and name."""
    others = [(number, name) for name, number, _ in PAGES.values()]
    others += [(8, f"edu-{command}") for command in commands]
    line = nodes.paragraph()
    for number, name in sorted(others):
        if name != own:
            line += [nodes.strong(name, name), nodes.Text(f"({number}), ")]
    line[-1] = nodes.Text(line[-1].astext().rstrip(", "))
    return section("SEE ALSO", line)


def command_list(commands):
    items = [nodes.definition_list_item(
        "", nodes.term("", "", nodes.strong(name, f"edu {name}")), nodes.definition("", nodes.paragraph("", line)))
        for name, line in commands.items()]
    return section("COMMANDS", nodes.paragraph("", "Each has a page: edu-COMMAND(8)."),
                   nodes.definition_list("", *items))


def files_together(content):
    """Paths are no headings of the first rank, which are written in capitals."""
    paths = [node for node in content if isinstance(node, nodes.section) and node[0].astext().startswith("/")]
    if not paths:
        return content
    at = content.index(paths[0])
    rest = [node for node in content[at:] if node not in paths]
    return [*content[:at], section("FILES", *paths), *rest]


def described(name, content, commands):
    """Content of a section of the source as the sections of a page."""
    synopsis = synopsis_of(name.replace("-", " "), content)
    content = files_together(content)
    if name == PAGES[TOOL][0]:
        content.insert(next(i for i, node in enumerate(content) if isinstance(node, nodes.section)),
                       command_list(commands))
    first = next((i for i, node in enumerate(content) if isinstance(node, nodes.section)), len(content))
    description = [section("DESCRIPTION", *content[:first])] if first else []
    return page_of(name, *synopsis, *description, *content[first:], see_also(name, commands))


class ManPages(ManualPageBuilder):
    """The builder; its pages are not those of the setting man_pages."""

    def init(self):
        self.summaries = summaries()

    def resolved(self, docname):
        """The document's tree. References to other documents name their pages."""
        tree = self.env.get_doctree(docname).deepcopy()
        for reference in list(tree.findall(addnodes.pending_xref)):
            target = os.path.normpath(os.path.join(os.path.dirname(docname), reference["reftarget"]))
            if reference["reftype"] == "doc" and target in PAGES:
                name, number, _ = PAGES[target]
                reference.replace_self([nodes.strong(name, name), nodes.Text(f"({number})")])
        self.env.resolve_references(tree, docname, self)
        for reference in list(tree.findall(addnodes.pending_xref)):
            reference.replace_self(reference.children)
        # What refers to this page or to another one is text here.
        for reference in list(tree.findall(nodes.reference)):
            if "refuri" not in reference or not reference["refuri"].startswith("http"):
                reference.replace_self(reference.children)
        terms_to_lists(tree)
        return tree

    def pages(self):
        """(name, section, line under NAME, tree) of each page."""
        for docname, (name, number, line) in PAGES.items():
            top = next(self.resolved(docname).findall(nodes.section))
            content = [node for node in top.children if not isinstance(node, (nodes.title, nodes.comment))]
            for part in [node for node in content if isinstance(node, nodes.section)]:
                command = re.fullmatch(r"edu (\w+)", part[0].astext())
                if docname != TOOL or not command:
                    continue
                content.remove(part)
                yield (f"edu-{command[1]}", 8, self.summaries[command[1]],
                       described(f"edu-{command[1]}", part.children[1:], self.summaries))
            yield name, number, line, described(name, content, self.summaries)

    def write(self, *_):
        writer = ManualPageWriter(self)
        settings = OptionParser(
            defaults=self.env.settings, components=(writer,), read_config_files=True).get_default_values()
        settings.authors = []
        for name, number, line, tree in self.pages():
            settings.title, settings.subtitle, settings.section = name, line, number
            tree.settings, tree.reporter = settings, LoggingReporter(name)
            # Literal blocks have no language here, and comments are not for readers.
            for comment in list(tree.findall(nodes.comment)):
                comment.parent.remove(comment)
            path = os.path.join(self.outdir, f"{name}.{number}")
            writer.write(tree, FileOutput(destination_path=path, encoding="utf-8"))


def setup(app):
    app.add_builder(ManPages, override=True)
    return {"parallel_read_safe": True}
