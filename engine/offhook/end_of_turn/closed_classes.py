"""Closed classes of words in German, Spanish and French: what a sentence is built of, whatever it is about.

For :mod:`.other_words`, which knows all other words by their endings: behind a determiner or a preposition
something has to follow, whichever it is.  Grammar, not a list of what was missed; a word that belongs to two
classes is in the one that more often stands last.  English has its own in :mod:`.last_words`.
"""

from __future__ import annotations

from collections.abc import Mapping

_CLASSES = {
    "de": {
        # determiners
        "D": (
            "der die das den dem des ein eine einen einem einer eines mein meine meinen meinem meiner"
            " dein deine ihr ihre ihren ihrem ihrer unser unsere unseren unserem unserer kein keine"
            " keinen keinem keiner dieser diese dieses diesen diesem jeder jede jedes jeden welche"
            " welcher welches welchen"
        ),
        # prepositions
        "P": (
            "in im ins an am ans auf aus bei beim mit nach von vom vor zu zum zur für über um unter"
            " ohne gegen durch bis seit ab zwischen neben hinter wegen während trotz außer statt"
            " gegenüber"
        ),
        # conjunctions
        "C": (
            "und oder aber denn weil wenn dass ob als obwohl während damit falls bevor nachdem sobald"
            " solange sondern sowie"
        ),
        # subjects
        "S": "ich du er sie es wir ihr man mir mich dir dich ihm ihn ihnen uns euch sich",
        # auxiliaries
        "A": (
            "bin bist ist sind seid war waren wäre wären habe hab hast hat haben hatte hatten hätte"
            " hätten werde wird werden wurde würde würden"
        ),
        # modals
        "M": (
            "kann können konnte könnte könnten muss müssen müsste müssten soll sollen sollte sollten"
            " darf dürfen dürfte will wollen wollte wollten möchte möchten mag"
        ),
        # question words
        "Q": "was wer wen wem wann wo wohin woher warum wieso wie wieviel weshalb",
        # adverbs
        "R": (
            "noch schon auch nur sehr so ganz etwas ziemlich jetzt heute morgen gestern da hier dort"
            " dann bitte nicht nie immer mal ja nein doch gern gerne leider eigentlich vielleicht wieder"
        ),
    },
    "es": {
        # determiners
        "D": (
            "el la los las un una unos unas mi mis tu tus su sus nuestro nuestra nuestros nuestras este"
            " esta estos estas ese esa esos esas aquel aquella cada algún alguna algunos algunas ningún"
            " ninguna otro otra otros otras todo toda todos todas"
        ),
        # prepositions
        "P": (
            "a al de del en con por para sin sobre desde hasta hacia entre según contra durante tras"
            " ante bajo"
        ),
        # conjunctions
        "C": "y e o u pero ni que si porque como cuando mientras aunque pues donde sino",
        # subjects
        "S": "yo tú él ella usted nosotros nosotras ustedes ellos ellas",
        # clitics
        "L": "me te se lo le les nos os",
        # auxiliaries
        "A": (
            "es son era eran fue fueron está están estaba estaban estoy soy somos estamos he ha han"
            " hemos había habían haya sea sería estaría hay"
        ),
        # modals
        "M": (
            "puedo puede pueden podría podrían podemos quiero quiere quería quisiera queremos querría"
            " tengo tiene tienen tenía tenemos debo debe debería voy va van vamos iba suele"
        ),
        # question words
        "Q": "qué quién quiénes cuál cuáles cuándo dónde cómo cuánto cuánta cuántos cuántas",
        # adverbs
        "R": (
            "ya no sí muy más menos tan también aún todavía siempre nunca hoy mañana ayer ahora aquí"
            " ahí allí luego después antes bien mal casi solo sólo"
        ),
    },
    "fr": {
        # determiners
        "D": (
            "le la les l un une des du mon ma mes ton ta tes son sa ses notre nos votre vos leur leurs"
            " ce cet cette ces chaque quelques plusieurs quel quelle quels quelles aucun aucune"
        ),
        # prepositions
        "P": (
            "à au aux de en dans sur sous chez par pour avec sans vers entre depuis pendant dès jusque"
            " contre avant après selon"
        ),
        # conjunctions
        "C": "et ou mais donc car ni que si comme quand lorsque parce puisque qui dont où",
        # subjects
        "S": "je tu il elle on nous vous ils elles ça ce c'est j'ai",
        # clitics
        "L": "me te se y en lui n ne",
        # auxiliaries
        "A": (
            "est sont était étaient suis êtes sommes ai as a avons avez ont avais avait avaient sera"
            " serait serais soit fut"
        ),
        # modals
        "M": (
            "peux peut pouvez pourrait pourriez pourrais pouvons veux veut voulez voudrais voudrait"
            " voulais dois doit devez devrait faut faudrait vais va allez vont allait aimerais"
        ),
        # question words
        "Q": "quoi comment pourquoi combien",
        # adverbs
        "R": (
            "pas plus très trop bien déjà encore aussi toujours jamais ici là demain hier aujourd'hui"
            " maintenant peu tout assez presque rien"
        ),
    },
}
LETTERS = frozenset("DPCSLAMQR")

CLOSED: Mapping[str, Mapping[str, str]] = {
    language: {word: letter for letter, members in classes.items() for word in members.split()}
    for language, classes in _CLASSES.items()
}
"""By language: a word's class, a letter of :data:`LETTERS`."""


def closed_class(word: str, language: str) -> str | None:
    """Of ``word``, in lower case; behind an elided one ("qu'elle") its own, with an apostrophe before it."""
    classes = CLOSED[language]
    found = classes.get(word)
    if found is None and "'" in word:
        behind = classes.get(word.rpartition("'")[2])
        return None if behind is None else f"'{behind}"
    return found
