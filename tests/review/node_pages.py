"""The pages of two nodes, each of which speaks for one party, with somebody at each."""

from lxml import html

from flows.reviewing import Reviewing
from review.accounts.roles import Role
from review.app import create_app
from tests.flows.two_nodes import ID, NOW, TwoNodes
from tests.review.deciding import DecidingApp

PAGE = f"/warnings/{ID}"


class NodeApp(DecidingApp):
    """The pages of one node."""

    def __init__(self, ws):
        self.ws = ws
        super().__init__(ws.settings.data_dir)

    def make(self, settings, clock):
        """Build the application of the node's own workspace."""
        self.now = NOW
        return create_app(self.ws.settings, clock=clock, doing=Reviewing(self.ws))


class TwoRooms:
    """Two nodes, their pages, and a forecaster of each party at the own ones."""

    def __init__(self, folder):
        self.nodes = TwoNodes(folder)
        self.app = {party: NodeApp(ws) for party, ws in self.nodes.ws.items()}
        self.at = {party: app.person(party, Role.lead) for party, app in self.app.items()}

    def close(self):
        """Stop everything."""
        for app in self.app.values():
            app.close()

    def page(self, party, query=""):
        """Return the page of the warning at a node."""
        return self.at[party].page(PAGE + query)

    def do(self, party, what, query="", **typed):
        """Send a form of the page as it stands now."""
        person = self.at[party]
        return person.send(person.form(self.page(party, query), f"/{what}"), **typed)

    def other_text(self, party):
        """Return the digest of the text that is offered beside the own one, as the page links to it."""
        found = [a.get("href") for a in self.page(party).xpath("//a") if "?text=" in a.get("href", "")]
        (link,) = found
        return link.partition("?text=")[2].partition("#")[0]

    def edit(self, party, **typed):
        """Write another text by the form, looked at before it is saved; returns the answer to saving."""
        person = self.at[party]
        link = next(a.get("href") for a in self.page(party).xpath("//a") if "/1/edit" in a.get("href", ""))
        look = person.send(person.form(person.page(link), "/edit"), step="preview", **typed)
        assert look.status_code == 200, look.text[:3000]
        return person.send(person.form(html.fromstring(look.text), "/edit"), step="save")
