"""What an analyst types: one tree, two back-ends. Pure.

====================================  ====================================================
``failed``                            events with the word in ``message`` or the raw text
``"failed password"``                 with these words, and literally this text
``10.0.0.7``                          the same: more than one word, so literally this text
``adm*``                              with a word that begins so (four letters or digits of it
                                      at least; ``?`` is one character)
``user.name:root``                    whose field is exactly this; case of A to Z never matters
``user:root``                         short names: see ``tree.SHORT_NAMES``
``user:adm*`` ``user:"a b"``          wildcards; quotes take ``*`` and ``?`` literally
``user:(root OR admin)``              any of them
``user:*``                            that have the field, and not empty
``sc-status>=500``                    numbers: ``>`` ``>=`` ``<`` ``<=``
``sc-status:[400 TO 499]``            both ends included; ``*`` for an open end
``source.ip:10.0.0.0/8``              addresses of a network
``message:failed``                    words of ``message`` only; ``raw:`` likewise
``source:`` ``id:``                   the collector and sender; one event
``a b`` ``a AND b`` ``a OR b``        both; either. OR binds weaker than AND
``NOT a`` ``-a`` ``( … )``            not; grouping. AND, OR and NOT in capitals
====================================  ====================================================

A word is a run of letters A to Z, digits and non-ASCII characters; everything else separates
words. A list matches if one of its values does. A backslash makes the next of ``* ? " ( ) : \\``
and of the blank an ordinary character; before anything else it is one itself, so that Windows
paths can be typed.
"""

from pipeline.store.search_language.parser import parse
from pipeline.store.search_language.predicate import predicate
from pipeline.store.search_language.tree import Node
from pipeline.store.search_language.where import Where, where

__all__ = ["Node", "Where", "parse", "predicate", "where"]
