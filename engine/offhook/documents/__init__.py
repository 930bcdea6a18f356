"""Documents that a business has anyway (menus, price lists, house rules), read into what can be said.

``reading`` opens a file of any kind (``pages`` a web page), ``markdown``, ``html``, ``word``, ``pdf`` and
``tables`` make :mod:`.blocks` of it, and ``chunks`` makes of those what an answer can be: one statement, or a
few sentences that belong together, each with the headings above it.
"""
